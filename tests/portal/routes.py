"""Every route of the portal, with a URL."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import URLPattern, URLResolver, get_resolver, reverse

if TYPE_CHECKING:
    from accounts.models import User

SOME_KEY_ID = uuid.UUID(int=1)
SOME_CONVERSATION_ID = uuid.UUID(int=2)
SOME_MESSAGE_ID = uuid.UUID(int=3)
SOME_ANSWER_ID = uuid.UUID(int=4)
SOME_IMAGE_ID = uuid.UUID(int=5)
SOME_FILE_ID = uuid.UUID(int=15)
SOME_BATCH_ID = uuid.UUID(int=16)
SOME_REQUEST_ID = uuid.UUID(int=6)
SOME_COURSE_ID = uuid.UUID(int=7)
SOME_VALUES = {  # for the parameters of patterns; a new one is added here
    "intern_id": SOME_KEY_ID,
    "key_id": SOME_KEY_ID,
    "key": "some-key",
    "conversation_id": SOME_CONVERSATION_ID,
    "message_id": SOME_MESSAGE_ID,
    "answer_id": SOME_ANSWER_ID,
    "image_id": SOME_IMAGE_ID,
    "file_id": SOME_FILE_ID,
    "form": "md",
    "batch_id": SOME_BATCH_ID,
    "request_id": SOME_REQUEST_ID,
    "course_id": SOME_COURSE_ID,
    "announcement_id": 1,
    "preset_id": 1,
    "code": "some-code",
    "token": "some-token",
    "share_id": uuid.UUID(int=9),
    "name": "small",
    "terms_id": 1,
    "grant_id": 1,
    "factor_id": 1,
    "sign_in_id": 1,
    "check_id": 1,
    "person_id": 1,  # nobody, or whoever there is
    "group_id": 1,
    "token_id": uuid.UUID(int=16),
    "view_id": uuid.UUID(int=8),
    "webhook_id": uuid.UUID(int=17),
    "delivery_id": uuid.UUID(int=18),
    "notice_id": 1,
    "discrepancy_id": 1,
    "rate_id": 1,
    "uidb36": "zzzz",  # nobody; for somebody, allauth copies their address into its own table even on GET
    "provider_id": "institution",
    "signed": "something-forged",
}


@dataclass(frozen=True, slots=True)
class Route:
    """A name, and an address; `names_a_key` when it is about one key of somebody."""

    name: str
    address: str
    names_a_key: bool

    def for_key(self, key_id: uuid.UUID) -> str:
        """Return the address for the key `key_id`."""
        return self.address.replace(str(SOME_KEY_ID), str(key_id))


def have_a_conversation(owner: "User") -> None:
    """Make the conversation that the addresses of every_route() name, with a picture in it."""
    from playground.batch_models import Batch
    from tests.playground import rows

    conversation = rows.conversation(owner, id=SOME_CONVERSATION_ID)
    message = rows.message(conversation, "Hello", id=SOME_MESSAGE_ID)
    rows.answer(message, "Hi there.", id=SOME_ANSWER_ID)
    picture = rows.image(message)
    picture.delete()
    picture.id = SOME_IMAGE_ID
    picture.save(force_insert=True)
    rows.text_file(message, id=SOME_FILE_ID)
    batch = Batch.objects.create(id=SOME_BATCH_ID, owner=owner, title="exam.csv", model_names=["llama-3.3-70b"])
    batch.prompts.create(number=1, text="Why?")


def every_route() -> list[Route]:
    """Return all named routes but those of Django's admin, the API and SCIM, which each have one guard for them all."""
    return sorted(_walk(get_resolver(), ()), key=lambda route: route.name)


def _walk(resolver: URLResolver, spaces: tuple[str, ...]) -> Iterator[Route]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLPattern):
            assert entry.name, f"{entry} has no name"
            parameters = list(entry.pattern.regex.groupindex)
            name = ":".join((*spaces, entry.name))
            address = reverse(name, kwargs={parameter: SOME_VALUES[parameter] for parameter in parameters})
            yield Route(name, address, "key_id" in parameters)
        elif entry.namespace not in ("admin", "v1", "v2"):
            yield from _walk(entry, (*spaces, entry.namespace) if entry.namespace else spaces)
