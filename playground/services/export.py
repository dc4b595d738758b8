"""A conversation as a file with all alternatives: Markdown for people, JSON for programs. Both can be imported."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder

from accounts.models import User
from playground.models import Attachment, Conversation, GeneratedImage, Message
from playground.services.raw import headers_for
from playground.services.requests import data_url
from playground.services.tree import Tree

FORMAT: Final = "passerelle-conversation-1"
CONVERSATION_FIELDS: Final = ("id", "kind", "title", "kept", "params", "created_at", "used_at")
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
    "imported",
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
        **fields_of(conversation, CONVERSATION_FIELDS),
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
        **fields_of(message, ("id", "name", "text", "created_at")),
        "follows": message.parent_id,
        "images": [{"name": file.name, **_data(file)} for file in files if file.is_image],
        "files": [_file(file) for file in files if not file.is_image],
        "answers": [
            {
                **fields_of(answer, ("id", *ANSWER_FIELDS)),
                "headers": headers_for(owner, answer),
                "images": [{"id": image.id, **_data(image)} for image in images.get(answer.id, ())],
            }
            for answer in tree.answers_to[message.id]
        ],
    }


def _file(file: Attachment) -> dict[str, Any]:
    return {**fields_of(file, ("name", "pages", "tokens", "text")), **_data(file)}


def _data(file: Attachment | GeneratedImage) -> dict[str, Any]:
    """Return the data of a file; none, if it is missing."""
    try:
        url = data_url(file.media_type, file.data)
    except FileNotFoundError:
        url = None
    return {"media_type": file.media_type, "url": url}


def fields_of(row: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of these fields; times with microseconds, which decide the order of alternatives."""
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
