"""From what is stored, parameters and turns, to what the gateway is asked. Asks nothing itself, and reads no form.

The same rows always give the same request, so that it can be shown again, and as code. Parameters are read key by key:
what nobody thought of here does not reach the gateway.
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
OF_TOOLS: Final = ("tool_choice", "parallel_tool_calls")  # mean nothing, and are refused, without tools
USAGE: Final = "stream_options"
USER: Final = "user"  # set by the portal, never by a form
# What a model may refuse and a person may then send without, by its name in the request.
REFUSABLE: Final = frozenset((*SHARED, *CHAT_ONLY, "response_format", USAGE, USER))


# Problems of a message that it would have again with the next one.
REFUSED_FOR_ITSELF: Final = frozenset(("content_filtered", "context_too_long", "bad_request"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image as it came, checked: `media_type` is what its bytes are."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


def image_of(picture: Picture, message: Message, position: int) -> Image:
    """Return a row for a picture of the message; neither it nor its file is stored."""
    image = Image(
        message=message, name=picture.name, media_type=picture.media_type, size=len(picture.data), position=position
    )
    image.data = picture.data
    return image


def chat_request(params: Mapping[str, Any], turns: Sequence[Turn]) -> types.ChatRequest:
    """Return the request that asks for the answer after `turns`, oldest first; the last has no answer yet.

    Reads the images of each message: prefetch them. Reasoning is not sent back, nor is an answer without text, unless
    it called tools: then the message after it is what they returned.
    """
    return types.ChatRequest(
        model=params["model"],
        messages=[*_system(params), *_conversation(turns, tools="tools" in _sent(params, ("tools",)))],
        response_format={"type": "json_object"} if _wants_json(params) else None,
        **_sent(params, SHARED + CHAT_ONLY),
    )


def completion_request(params: Mapping[str, Any], prompt: str) -> types.CompletionRequest:
    """Return the request that has `prompt` gone on with."""
    return types.CompletionRequest(model=params["model"], prompt=prompt, **_sent(params, SHARED))


def wants_usage(params: Mapping[str, Any]) -> bool:
    """Tell whether the stream is to end with its tokens: some models refuse to be asked (`stream_options`)."""
    return USAGE not in params.get("without", ())


def data_url(media_type: str, data: bytes | memoryview) -> str:
    """Return an image as OpenAI's content parts carry it."""
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
    """Yield messages and answers in turn; the message after calls of tools is given as their result.

    Strict chat templates take no role twice in a row: what was not answered goes with the message after it.
    """
    called: list[dict[str, str]] = []
    waiting: types.Message | None = None  # of the person, not answered yet
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
    """Make one message of two of a person's, their images in their places."""
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
    images = list(message.images.all())
    if images:
        yield types.Message(role="user", content=_parts("" if called else message.text, images))
    elif not called:
        yield types.Message(role="user", content=message.text)


def _parts(text: str, images: Sequence[Image]) -> list[dict[str, object]]:
    said: list[dict[str, object]] = [{"type": "text", "text": text}] if text else []
    return said + [_part(image) for image in images]


def _part(image: Image) -> dict[str, object]:
    """Return an image, or that its file is missing: the conversation goes on all the same."""
    try:
        return {"type": "image_url", "image_url": {"url": data_url(image.media_type, image.data)}}
    except FileNotFoundError:
        return {"type": "text", "text": f"[{image.name}: this image is missing]"}


def _calls(answer: Answer) -> list[dict[str, str]]:
    """Return the calls of tools that can be sent back: all, or none where one of them is broken."""
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
