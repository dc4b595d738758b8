"""A conversation as a file: Markdown for people, JSON with all alternatives for programs."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from playground.errors.cards import card_of
from playground.errors.problems import problem_of
from playground.models import Answer, Attachment, Conversation, GeneratedImage, Message
from playground.reasoning import parted
from playground.services.raw import headers_for
from playground.services.requests import data_url
from playground.services.tree import Tree, shown_turns

FORMAT: Final = "passerelle-conversation-1"
NOT_PARAMETERS: Final = ("model", "system")
# The exported fields of an answer; the others are foreign keys.
ANSWER_FIELDS: Final = (
    "model",
    "params",
    "state",
    "text",
    "reasoning",
    "tool_calls",
    "others",
    "extras",
    "finish_reason",
    "problem",
    "answered_by",
    "call_id",
    "prompt_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost_usd",
    "cost_source",
    "first_token_ms",
    "took_ms",
    "started_at",
    "ended_at",
)


# --- JSON -------------------------------------------------------------------------------------------
def as_json(conversation: Conversation) -> str:
    """Return the complete conversation: every message with its files as data URLs, and every answer to it."""
    tree = Tree.of(conversation, with_parameters=True)
    files, images = defaultdict[Any, list[Attachment]](list), defaultdict[Any, list[GeneratedImage]](list)
    for file in Attachment.objects.filter(message__conversation=conversation):
        files[file.message_id].append(file)
    if any("images" in extras for answer in tree.answers.values() for extras in (answer.extras, *answer.others)):
        for made in GeneratedImage.objects.filter(answer__message__conversation=conversation):
            images[made.answer_id].append(made)
    body = {
        "format": FORMAT,
        **_fields(conversation, ("id", "kind", "title", "kept", "params", "created_at", "used_at")),
        "shown": [answer.id for _, answer in tree.way_shown(conversation)],
        "messages": [
            _message(message, files.get(message.id, ()), images, tree, conversation.owner)
            for message in tree.messages()
        ],
    }
    return json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _message(
    message: Message,
    files: Sequence[Attachment],
    images: Mapping[Any, Sequence[GeneratedImage]],
    tree: Tree,
    owner: User,
) -> dict[str, Any]:
    return {
        **_fields(message, ("id", "text", "created_at")),
        "follows": message.parent_id,
        "images": [{"name": file.name, **_data(file)} for file in files if file.is_image],
        "files": [_file(file) for file in files if not file.is_image],
        "answers": [
            {
                **_fields(answer, ("id", *ANSWER_FIELDS)),
                "headers": headers_for(owner, answer),
                "images": [{"id": image.id, **_data(image)} for image in images.get(answer.id, ())],
            }
            for answer in tree.answers_to[message.id]
        ],
    }


def _file(file: Attachment) -> dict[str, Any]:
    return {**_fields(file, ("name", "pages", "tokens", "text")), **_data(file)}


def _data(file: Attachment | GeneratedImage) -> dict[str, Any]:
    """Return the data of a file; none, if it is missing."""
    try:
        url = data_url(file.media_type, file.data)
    except FileNotFoundError:
        url = None
    return {"media_type": file.media_type, "url": url}


def _fields(row: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


# --- Markdown ---------------------------------------------------------------------------------------
def as_markdown(conversation: Conversation) -> str:
    """Return the shown branch, as written; images and files are named, not contained."""
    return "\n\n".join(_parts(conversation)) + "\n"


def _parts(conversation: Conversation) -> Iterator[str]:
    yield f"# {conversation.title}"
    yield _("Begun %(began)s, exported %(now)s.") % {
        "began": _when(conversation.created_at),
        "now": _when(timezone.now()),
    }
    system = ""
    for turn in shown_turns(conversation, with_parameters=True):
        if (prompt := turn.answer.params.get("system", "")) != system:
            system = prompt
            yield "## " + _("System prompt")
            yield system or _("(none from here on)")
        yield "## " + _("You")
        yield turn.message.text
        yield from (_file_words(file) % {"name": file.name} for file in turn.files)
        yield from _answer(turn.answer)


def _file_words(file: Attachment) -> str:
    return _("Image: %(name)s") if file.is_image else _("File: %(name)s")


def _answer(answer: Answer) -> Iterator[str]:
    yield f"## {answer.model}"
    yield from _choice(answer.text, answer.reasoning, answer.tool_calls)
    yield from _extras(answer.extras)
    for number, other in enumerate(answer.others, start=2):
        yield "### " + _("Choice %(number)d") % {"number": number}
        yield from _choice(other.get("text", ""), other.get("reasoning", ""), other.get("tool_calls", []))
        yield from _extras(other)
    if problem := problem_of(answer):
        card = card_of(problem, answer=answer)
        yield f"**{card.title}** {card.sentence}"
    yield f"*{' · '.join(_figures(answer))}*"


def _choice(text: str, reasoning: str, tool_calls: list[dict[str, Any]]) -> Iterator[str]:
    thought, text = parted(text)
    reasoning = "\n\n".join(filter(None, (reasoning, thought)))
    if reasoning:
        yield "\n".join(f"> {line}".rstrip() for line in [_("Reasoning:"), "", *reasoning.splitlines()])
    if text:
        yield text
    for call in tool_calls:
        yield _("Call of %(name)s:") % {"name": call.get("name") or "?"}
        yield _fenced(call.get("arguments") or "")


def _extras(extras: Mapping[str, Any]) -> Iterator[str]:
    """Yield other content than the text: pictures by their number, sources by their URL."""
    if images := extras.get("images"):
        yield _("Pictures made by the model: %(count)d") % {"count": len(images)}
    if sources := extras.get("sources"):
        yield "\n".join(f"- {source['title']} <{source['url']}>".replace("  ", " ") for source in sources)


def _figures(answer: Answer) -> Iterator[str]:
    """Yield the known figures of an answer, each with its unit."""
    yield _when(answer.started_at)
    if answer.answered_by and answer.answered_by != answer.model:
        yield _("answered by %(model)s") % {"model": answer.answered_by}
    yield from _parameters(answer.params)
    if answer.prompt_tokens is not None:
        yield _("%(count)d tokens in") % {"count": answer.prompt_tokens}
    if answer.completion_tokens is not None:
        yield _("%(count)d tokens out") % {"count": answer.completion_tokens}
    if answer.cost_usd is not None:
        yield f"{answer.cost_usd.normalize():f} USD ({answer.get_cost_source_display()})"
    if answer.first_token_ms is not None:
        yield _("first token after %(seconds).2f s") % {"seconds": answer.first_token_ms / 1000}
    if answer.took_ms is not None:
        yield _("%(seconds).2f s in all") % {"seconds": answer.took_ms / 1000}
    yield " ".join(
        [str(answer.get_state_display()), f"({answer.finish_reason})" if answer.finish_reason else ""]
    ).strip()
    if answer.call_id:
        yield _("call %(id)s") % {"id": answer.call_id}


def _parameters(params: Mapping[str, Any]) -> Iterator[str]:
    for name, value in params.items():
        if name not in NOT_PARAMETERS:
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _fenced(text: str) -> str:
    """Return a block of code whose fence its content cannot end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _when(when: datetime) -> str:
    return timezone.localtime(when).strftime("%Y-%m-%d %H:%M %Z")
