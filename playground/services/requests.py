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
from playground.models import Answer, Attachment, Message
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


CHARACTERS_A_TOKEN: Final = 4  # approximately, in English; only for what the gateway did not count

# Errors of a message that would recur with the next one.
REFUSED_FOR_ITSELF: Final = frozenset(("content_filtered", "context_too_long", "bad_request"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A checked file: `media_type` is from its bytes; `text` is what was read in it, if it is no image."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
    text: str = field(default="", repr=False)
    pages: int | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is an image."""
        return self.media_type.startswith("image/")

    @property
    def tokens(self) -> int | None:
        """Return the approximate number of tokens of the text."""
        return None if self.is_image else tokens_of_text(self.text)


def attachment_of(upload: Upload, message: Message, position: int) -> Attachment:
    """Return a row for a file of the message; neither it nor its data are stored."""
    attachment = Attachment(
        message=message,
        name=upload.name,
        media_type=upload.media_type,
        size=len(upload.data),
        position=position,
        text=upload.text,
        pages=upload.pages,
        tokens=upload.tokens,
    )
    attachment.data = upload.data
    return attachment


def tokens_of_text(text: str) -> int:
    """Return the approximate number of tokens of a text."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def chat_request(params: Mapping[str, Any], turns: Sequence[Turn], *, reads_pdf: bool = False) -> types.ChatRequest:
    """Return the request that asks for the answer after `turns`, oldest first; the last has no answer yet.

    Reads the files of each stored message: prefetch them. PDF files go as they are to a model that `reads_pdf`, the
    text of other files does. Reasoning is not sent back, nor is an answer without text,
    unless it has tool calls: then the message after it is their result.
    """
    tools = "tools" in _sent(params, ("tools",))
    return types.ChatRequest(
        model=params["model"],
        messages=[*_system(params), *_conversation(turns, tools=tools, reads_pdf=reads_pdf)],
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
    """Return data as OpenAI's content parts have them."""
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


def _conversation(turns: Sequence[Turn], *, tools: bool, reads_pdf: bool) -> Iterator[types.Message]:
    """Yield messages and answers alternately; the message after tool calls is given as their result.

    Strict chat templates refuse two equal roles in a row: an unanswered message is joined with the next one.
    """
    called: list[dict[str, str]] = []
    waiting: types.Message | None = None  # a person's message, not answered yet
    for message, answer in turns:
        content = parted(answer.text)[1] if answer else ""
        if answer and not (content or called) and (answer.problem or {}).get("code") in REFUSED_FOR_ITSELF:
            continue
        for asked in _asked(message, called, reads_pdf=reads_pdf):
            if asked.role == "user":
                waiting = _joined(waiting, asked)
            else:
                yield asked
        called = _calls(answer) if tools and answer else []
        if content or called:
            if waiting:
                yield waiting
            waiting = None
            yield types.Message(
                role="assistant", content=content or None, tool_calls=[_as_openai(call) for call in called] or None
            )
    if waiting:
        yield waiting


def _joined(first: types.Message | None, second: types.Message) -> types.Message:
    """Join two of a person's messages, with their files in place; without a name if they have different ones."""
    if first is None:
        return second
    names = {first.name, second.name} - {None}
    name = names.pop() if len(names) == 1 else None
    if isinstance(first.content, str) and isinstance(second.content, str):
        return types.Message(role="user", content=f"{first.content}\n\n{second.content}", name=name)
    parts: list[types.Json] = []
    for message in (first, second):
        text = message.content
        parts += [{"type": "text", "text": text}] if isinstance(text, str) else text or ()
    return types.Message(role="user", content=parts, name=name)


def _asked(message: Message, called: Sequence[Mapping[str, str]], *, reads_pdf: bool) -> Iterator[types.Message]:
    for call in called:
        yield types.Message(role="tool", tool_call_id=call["id"], content=message.text)
    if message.sent_files:
        text = "" if called else message.text
        content = _with_files(text, message.sent_files, reads_pdf=reads_pdf)
        yield types.Message(role="user", content=content, name=message.name or None)
    elif not called:
        yield types.Message(role="user", content=message.text, name=message.name or None)


def _with_files(text: str, files: Sequence[Attachment], *, reads_pdf: bool) -> str | list[types.Json]:
    """Return a message with its files: their texts first, each delimited, then what the person wrote, then the rest."""
    texts, parts = list[str](), list[types.Json]()
    for file in files:
        part = _part(file) if file.is_image or (file.is_pdf and reads_pdf) else None
        if part:
            parts.append(part)
        else:
            texts.append(_delimited(file))
    written = "\n\n".join(filter(None, (*texts, text)))
    if not parts:
        return written
    return [{"type": "text", "text": written}, *parts] if written else parts


def _delimited(file: Attachment) -> str:
    """Return the text of a file between marks that it cannot contain: its id was not known when it was written."""
    mark = f"file-{file.pk.hex[:12]}"
    name = json.dumps(file.name, ensure_ascii=False)
    pages = f' pages="{file.pages}"' if file.pages else ""
    return f"<{mark} name={name}{pages}>\n{file.text or '[no text]'}\n</{mark}>"


def _part(file: Attachment) -> types.Json | None:
    """Return an image or a PDF file; a note in place of an image whose file is missing: the conversation continues."""
    try:
        url = data_url(file.media_type, file.data)
    except FileNotFoundError:
        return {"type": "text", "text": f"[{file.name}: this image is missing]"} if file.is_image else None
    if file.is_image:
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": file.name, "file_data": url}}


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
