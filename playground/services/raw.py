"""An answer's request and response as JSON, reconstructed from the rows: nothing raw is stored."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.urls import reverse

from accounts.models import User
from playground.models import Answer, Conversation
from playground.services.chat import body_of
from playground.services.requests import wants_usage

TELLS_WHERE: Final = ("-api-base", "-backend", "-endpoint", "-host", "-url")  # suffixes of header names
LONGEST_DATA_URL: Final = 100  # characters shown of a file


def raw_request(answer: Answer) -> dict[str, Any]:
    """Return the request body of this answer; files are shortened."""
    body: dict[str, Any] = {**body_of(answer.message.conversation, answer).as_json(), "stream": True}
    if wants_usage(answer.params):
        body["stream_options"] = {"include_usage": True}
    shortened: dict[str, Any] = _shortened(body)
    return shortened


def raw_response(answer: Answer) -> dict[str, Any]:
    """Return the answer in the shape of a response without streaming, as far as received."""
    is_chat = answer.message.conversation.kind != Conversation.Kind.COMPLETION
    first = {
        "text": answer.text,
        "reasoning": answer.reasoning,
        "tool_calls": answer.tool_calls,
        "finish_reason": answer.finish_reason,
        **answer.extras,
    }
    choices = [first, *answer.others]
    body = {
        "id": answer.call_id,
        "object": "chat.completion" if is_chat else "text_completion",
        "created": int(answer.started_at.timestamp()),
        "model": answer.answered_by or answer.model,
        "choices": [{"index": index, **_choice(each, is_chat=is_chat)} for index, each in enumerate(choices)],
    }
    usage = _usage(answer)
    return {**body, "usage": usage} if usage else body


def headers_for(reader: User, answer: Answer) -> dict[str, str]:
    """Return the gateway's headers that `reader` may see: the location of models is for administrators."""
    if reader.is_staff:
        return dict(answer.headers)
    return {name: value for name, value in answer.headers.items() if not name.endswith(TELLS_WHERE)}


def _choice(choice: Mapping[str, Any], *, is_chat: bool) -> dict[str, Any]:
    finish_reason = choice.get("finish_reason") or None
    if not is_chat:
        return {"text": choice.get("text", ""), "finish_reason": finish_reason}
    message: dict[str, Any] = {"role": "assistant", "content": choice.get("text") or None}
    if choice.get("reasoning"):
        message["reasoning_content"] = choice["reasoning"]
    if choice.get("images"):
        message["images"] = [{"type": "image_url", "image_url": {"url": _picture(each)}} for each in choice["images"]]
    if choice.get("sources"):
        message["annotations"] = [{"type": "url_citation", "url_citation": source} for source in choice["sources"]]
    if choice.get("tool_calls"):
        message["tool_calls"] = [_call(call) for call in choice["tool_calls"]]
    return {"message": message, "finish_reason": finish_reason}


def _picture(image_id: str) -> str:
    """Return the image's location: its data would fill the page."""
    return reverse("playground:generated_image", args=[image_id])


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call.get("name"), "arguments": call.get("arguments", "")}
    return {"id": call.get("id"), "type": "function", "function": function}


def _usage(answer: Answer) -> dict[str, Any]:
    """Return the known token counts."""
    data = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens} if answer.cached_tokens else None,
        "completion_tokens_details": {"reasoning_tokens": answer.reasoning_tokens} if answer.reasoning_tokens else None,
    }
    return {name: value for name, value in data.items() if value is not None}


def _shortened(value: Any) -> Any:
    """Return JSON with the data of files shortened."""
    if isinstance(value, Mapping):
        return {
            name: _cut(str(each)) if name in ("url", "file_data") else _shortened(each) for name, each in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_shortened(each) for each in value]
    return value


def _cut(url: str) -> str:
    if len(url) <= LONGEST_DATA_URL:
        return url
    return f"{url[:LONGEST_DATA_URL]}… ({len(url)} characters)"
