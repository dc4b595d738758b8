"""Conversations for tests, as rows, without a gateway."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import User
from playground.models import ActiveCall, Answer, Attachment, Conversation, GeneratedImage, Message, ParameterSet
from web.files import store_file

PIXEL = bytes.fromhex(  # a PNG of one pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fccf"
    "c0f01f0005050202cf7b1c8d0000000049454e44ae426082"
)


def conversation(owner: User, *turns: tuple[str, str], model: str = "llama-3.3-70b", **fields: Any) -> Conversation:
    """Make a conversation of (asked, answered) pairs, each complete; its head is the last of them."""
    title = turns[0][0][:60] if turns else "New conversation"
    params = fields.pop("params", {"model": model})
    names = params.get("models") or [params["model"]] if "model" in params or "models" in params else []
    made = Conversation.objects.create(
        owner=owner, **{"title": title, "model_names": names, "parameters": parameter_set(owner, params), **fields}
    )
    parent = None
    for asked, answered in turns:
        parent = answer(message(made, asked, parent=parent), answered, model=model)
    return made


def message(of: Conversation, text: str = "Hello", *, parent: Answer | None = None, **fields: Any) -> Message:
    """Ask after `parent`, or as an opening message, without any answer yet."""
    return Message.objects.create(conversation=of, text=text, parent=parent, **fields)


def answer(to: Message, text: str = "Hi there.", *, model: str = "llama-3.3-70b", **fields: Any) -> Answer:
    """Answer the message, and make that the head; complete unless `state` says otherwise."""
    if fields.setdefault("state", Answer.State.COMPLETE) not in Answer.UNDER_WAY:
        fields = {"finish_reason": "stop", "ended_at": timezone.now(), **fields}
    parameters = parameter_set(to.conversation.owner, fields.pop("params", {}))
    made = Answer.objects.create(message=to, text=text, model=model, parameters=parameters, **fields)
    Conversation.objects.filter(pk=to.conversation_id).update(head=made)
    to.conversation.head = made
    return made


def parameter_set(owner: User, params: dict[str, Any]) -> ParameterSet | None:
    """Return the row of these parameters, saved; None where there are none."""
    if found := ParameterSet.of(owner.pk, params):
        ParameterSet.objects.bulk_create([found], ignore_conflicts=True)
    return found


def image(of: Message, *, name: str = "cat.png", media_type: str = "image/png", data: bytes = PIXEL) -> Attachment:
    """Add a picture to the message."""
    position = of.attachments.count()
    file, size = store_file(data), len(data)
    return Attachment.objects.create(
        message=of, name=name, media_type=media_type, file=file, size=size, position=position
    )


def text_file(of: Message, *, name: str = "notes.txt", text: str = "Bees dance", **fields: Any) -> Attachment:
    """Add a file with text to the message."""
    data = text.encode()
    about = {"name": name, "text": text, "tokens": len(text) // 4, "media_type": "text/plain", "size": len(data)}
    return Attachment.objects.create(
        message=of, file=store_file(data), position=of.attachments.count(), **about, **fields
    )


def generated_image(of: Answer, *, data: bytes = PIXEL, **fields: Any) -> GeneratedImage:
    """Add a picture that the model made to the answer."""
    file = store_file(data)
    return GeneratedImage.objects.create(answer=of, media_type="image/png", file=file, size=len(data), **fields)


def call(owner: User, *, renewed: timedelta = timedelta(0), ended: bool = False) -> ActiveCall:
    """Start a call that last gave a sign of life so long ago."""
    at = timezone.now() - renewed
    return ActiveCall.objects.create(owner=owner, began_at=at, renewed_at=at, ended_at=at if ended else None)


def aged(answer_id: UUID, at: datetime) -> None:
    """Put the answer's last sign of life back to `at`."""
    Answer.objects.filter(pk=answer_id).update(saved_at=at)


def last_answer(of: Conversation) -> Answer:
    """Return the head as the database has it now."""
    of.refresh_from_db()
    assert of.head is not None
    return of.head
