"""Builds gateway requests from stored parameters and turns. Makes no call itself, and reads no form.

The same rows always give the same request, so that it can be shown again, and as code. Parameters are read key by key:
unknown ones do not reach the gateway.
"""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gateway import inference_types as types
from playground.models import Answer, Image, Message
from playground.reasoning import parted

Turn = tuple[Message, Answer | None]

SHARED: Final = (
    "temperature",
    "top_p",
    "n",
    "max_tokens",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "seed",
)
CHAT_ONLY: Final = ("tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "metadata")
OF_TOOLS: Final = ("tool_choice", "parallel_tool_calls")  # have no effect, and are refused, without tools
USAGE: Final = "stream_options"
USER: Final = "user"  # set by the portal, never by a form
# What a model may refuse and a person may then leave out, by its name in the request.
REFUSABLE: Final = frozenset((*SHARED, *CHAT_ONLY, "response_format", USAGE, USER))


# Errors of a message that would recur with the next one.
REFUSED_FOR_ITSELF: Final = frozenset(("content_filtered", "context_too_long", "bad_request"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A checked image: `media_type` is from its bytes."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


def image_of(picture: Picture, message: Message, position: int) -> Image:
    """Return a row for an image of the message; neither it nor its file is stored."""
    image = Image(
        message=message, name=picture.name, media_type=picture.media_type, size=len(picture.data), position=position
    )
    image.data = picture.data
    return image


def chat_request(params: Mapping[str, Any], turns: Sequence[Turn]) -> types.ChatRequest:
    """Return the request that asks for the answer after `turns`, oldest first; the last has no answer yet.

    Reads the images of each stored message: prefetch them. Reasoning is not sent back, nor is an answer without text,
    unless it has tool calls: then the message after it is their result.
    """
    return types.ChatRequest(
        model=params["model"],
        messages=[*_system(params), *_conversation(turns, tools="tools" in _sent(params, ("tools",)))],
        response_format={"type": "json_object"} if _wants_json(params) else None,
        **_sent(params, SHARED + CHAT_ONLY),
    )


def completion_request(params: Mapping[str, Any], prompt: str) -> types.CompletionRequest:
    """Return the request to complete `prompt`."""
    return types.CompletionRequest(model=params["model"], prompt=prompt, **_sent(params, SHARED))


def wants_usage(params: Mapping[str, Any]) -> bool:
    """Tell whether the stream should end with its token counts: some models refuse that option (`stream_options`)."""
    return USAGE not in params.get("without", ())


def data_url(media_type: str, data: bytes | memoryview) -> str:
    """Return an image in OpenAI's content parts."""
    return f"data:{media_type};base64,{b64encode(data).decode('ascii')}"


def _sent(params: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of these names that go to the gateway."""
    left_out = set(params.get("without", ()))
    if "tools" in left_out or "tools" not in params:
        left_out.update(OF_TOOLS)
    return {name: params[name] for name in names if name in params and name not in left_out}


def _wants_json(params: Mapping[str, Any]) -> bool:
    return bool(params.get("json")) and "response_format" not in params.get("without", ())


def _system(params: Mapping[str, Any]) -> list[types.Message]:
    text = params.get("system")
    return [types.Message(role="system", content=text)] if text else []


def _conversation(turns: Sequence[Turn], *, tools: bool) -> Iterator[types.Message]:
    """Yield messages and answers alternately; the message after tool calls is given as their result.

    Strict chat templates refuse two equal roles in a row: an unanswered message is joined with the next one.
    """
    called: list[dict[str, str]] = []
    waiting: types.Message | None = None  # a person's message, not answered yet
    for message, answer in turns:
        said = parted(answer.text)[1] if answer else ""
        if answer and not (said or called) and (answer.problem or {}).get("code") in REFUSED_FOR_ITSELF:
            continue
        for asked in _asked(message, called):
            if asked.role == "user":
                waiting = _joined(waiting, asked)
            else:
                yield asked
        called = _calls(answer) if tools and answer else []
        if said or called:
            if waiting:
                yield waiting
            waiting = None
            yield types.Message(
                role="assistant", content=said or None, tool_calls=[_as_openai(call) for call in called] or None
            )
    if waiting:
        yield waiting


def _joined(first: types.Message | None, second: types.Message) -> types.Message:
    """Join two of a person's messages, with their images in place."""
    if first is None:
        return second
    if isinstance(first.content, str) and isinstance(second.content, str):
        return types.Message(role="user", content=f"{first.content}\n\n{second.content}")
    parts: list[types.Json] = []
    for message in (first, second):
        text = message.content
        parts += [{"type": "text", "text": text}] if isinstance(text, str) else text or ()
    return types.Message(role="user", content=parts)


def _asked(message: Message, called: Sequence[Mapping[str, str]]) -> Iterator[types.Message]:
    for call in called:
        yield types.Message(role="tool", tool_call_id=call["id"], content=message.text)
    if message.sent_images:
        yield types.Message(role="user", content=_parts("" if called else message.text, message.sent_images))
    elif not called:
        yield types.Message(role="user", content=message.text)


def _parts(text: str, images: Sequence[Image]) -> list[dict[str, object]]:
    said: list[dict[str, object]] = [{"type": "text", "text": text}] if text else []
    return said + [_part(image) for image in images]


def _part(image: Image) -> dict[str, object]:
    """Return an image, or a note that its file is missing: the conversation continues anyway."""
    try:
        return {"type": "image_url", "image_url": {"url": data_url(image.media_type, image.data)}}
    except FileNotFoundError:
        return {"type": "text", "text": f"[{image.name}: this image is missing]"}


def _calls(answer: Answer) -> list[dict[str, str]]:
    """Return the tool calls that can be sent back: all, or none if one of them is broken."""
    calls: list[dict[str, str]] = answer.tool_calls
    return calls if all(call.get("id") and call.get("name") and _is_object(call["arguments"]) for call in calls) else []


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _as_openai(call: Mapping[str, str]) -> dict[str, object]:
    return {
        "id": call["id"],
        "type": "function",
        "function": {"name": call["name"], "arguments": call["arguments"]},
    }
