"""The content of a message, or of a delta: by OpenAI's and LiteLLM's types, and in the variants of other servers.

What a person can read becomes text, reasoning, images, sources or tool calls; of the rest the names are kept.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from gateway.inference_types import Source, ToolCall
from gateway.parsing import Body, Fields, read

MOST_CHARS_OF_A_NAME: Final = 40
MOST_CHARS_OF_AN_ADDRESS: Final = 2000

# Read below, or shown elsewhere, or of no use to a person: not listed as left out.
_OF_THE_MESSAGE: Final = (
    "role",
    "name",
    "id",
    "index",
    "type",
    "tool_call_id",
    "logprobs",
    "token_ids",
    "stop_reason",
    "finish_reason",
    "obfuscation",
    "padding",
    "provider_specific_fields",
)
_SHOWN: Final = (
    "content",
    "text",
    "refusal",
    "audio",
    "images",
    "annotations",
    "citations",
    "search_results",
    "tool_calls",
    "function_call",
    "tool_plan",
)
_THOUGHT: Final = (
    "reasoning",
    "reasoning_content",
    "reasoning_text",
    "thinking",
    "thinking_blocks",
    "reasoning_details",
    "reasoning_items",
    "signature",
    "thought_signature",
    "thought_signatures",
    "reasoning_signature",
)
_KNOWN: Final = frozenset((*_OF_THE_MESSAGE, *_SHOWN, *_THOUGHT))


class Content(NamedTuple):
    """What was found."""

    text: str = ""
    reasoning: str = ""
    pictures: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    unshown: tuple[str, ...] = ()


_Said = str | dict[str, Any]  # a text or a part


class _Message(Body):
    content: _Said | list[_Said] | None = None


class _Found:
    """Collects content; `names` are those of what cannot be shown."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.pictures: list[str] = []
        self.sources: list[Source] = []
        self.names: list[str] = []


def content_of(message: Fields) -> Content:
    """Read a message or a delta. Only invalid text is an error, because the answer would have a gap."""
    content = message.get("content")
    if type(content) is str and message.keys() <= {"content", "role"}:  # nearly always
        return Content(text=content)
    found = _Found()
    if isinstance(content, str):
        found.text.append(content)
    elif content is not None:
        _add_content(read(message, _Message).content, found)
    found.text += [_text(message.get("refusal")), _audio_text(message.get("audio"), found)]
    found.reasoning.append(_reasoning(message, found))
    extra = _object(message.get("provider_specific_fields"))
    for fields in (message, extra):
        _add_pictures(fields.get("images"), found)
        for name in ("annotations", "citations", "search_results"):
            found.sources += sources_of(fields.get(name))
        found.names += [str(name) for name, value in fields.items() if value and name not in _KNOWN]
    return Content(
        text="".join(found.text),
        reasoning="".join(found.reasoning),
        pictures=tuple(found.pictures),
        sources=tuple(dict.fromkeys(found.sources)),
        tool_calls=_tool_calls(message),
        unshown=tuple(name[:MOST_CHARS_OF_A_NAME] for name in found.names),
    )


# --- Text and reasoning -----------------------------------------------------------------------------
def _add_content(content: _Said | list[_Said] | None, found: _Found) -> None:
    """Read a text, a part or a list of them."""
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            found.text.append(part)
        elif part is not None:
            _add_part(part, found)


def _add_part(part: Fields, found: _Found) -> None:
    kind = part.get("type")
    if kind == "thinking" or "thinking" in part:
        found.reasoning.append(_thinking(part.get("thinking")))
    elif kind in ("reasoning", "reasoning_text", "summary_text"):
        found.reasoning.append(_text(part.get("text")) or _thinking(part.get("summary")))
    elif isinstance(part.get("text"), str):  # text, output_text
        found.text.append(_text(part["text"]))
        found.sources += sources_of(part.get("annotations"))
    elif isinstance(part.get("refusal"), str):
        found.text.append(_text(part["refusal"]))
    elif "image_url" in part or "image" in part:
        _add_pictures([part], found)
    elif kind or part:
        found.names.append(str(kind or next(iter(part))))


def _reasoning(message: Fields, found: _Found) -> str:
    """Return the reasoning, which many servers send twice: the first of these fields that has any."""
    blocks = [*_list(message.get("thinking_blocks")), *_list(message.get("reasoning_details"))]
    if any(_object(block).get("type") in ("redacted_thinking", "reasoning.encrypted") for block in blocks):
        found.names.append("redacted_thinking")
    for name in ("reasoning_content", "reasoning", "reasoning_text", "thinking"):
        if thinking := _thinking(message.get(name)):
            return thinking
    for name in ("thinking_blocks", "reasoning_details", "reasoning_items"):
        if thinking := "".join(_block_text(_object(block)) for block in _list(message.get(name))):
            return thinking
    return ""


def _block_text(block: Mapping[str, object]) -> str:
    thinking = (_thinking(block.get(name)) for name in ("thinking", "text", "summary"))
    return next((each for each in thinking if each), "")


def _thinking(value: object) -> str:
    """Return reasoning given as a text, or as a part or a list of parts with texts."""
    if isinstance(value, str):
        return value
    parts = [value] if isinstance(value, dict) else _list(value)
    return "".join(
        _text(part) or _text(_object(part).get("text")) or _text(_object(part).get("content")) for part in parts
    )


def _audio_text(audio: object, found: _Found) -> str:
    """Return the transcript of audio; the audio itself cannot be played here."""
    if _object(audio).get("data"):
        found.names.append("audio")
    return _text(_object(audio).get("transcript"))


# --- Pictures and sources ---------------------------------------------------------------------------
def _add_pictures(images: object, found: _Found) -> None:
    """Keep images that came as data; an external one is never fetched, and becomes a source."""
    for image in _list(images):
        entry = _object(image)
        address = entry.get("image_url") or entry.get("image") or entry.get("url") or image
        if isinstance(address, dict):
            address = address.get("url")
        if isinstance(address, str) and address[:5].lower() == "data:":
            found.pictures.append(address)
        elif source := _source(address, ""):
            found.sources.append(source)
        else:
            found.names.append("image")


def sources_of(entries: object) -> Iterator[Source]:
    """Yield the pages that an answer refers to, as OpenAI's annotations, or as a list of addresses or of objects."""
    for entry in _list(entries):
        fields = _object(entry)
        fields = _object(fields.get("url_citation")) or fields
        if source := _source(fields.get("url") or entry, _text(fields.get("title"))):
            yield source


def _source(address: object, title: str) -> Source | None:
    is_web = isinstance(address, str) and address.lower().startswith(("https://", "http://"))
    if not is_web or len(str(address)) > MOST_CHARS_OF_AN_ADDRESS:
        return None
    return Source(url=str(address), title=" ".join(title.split())[:200])


# --- Tools ------------------------------------------------------------------------------------------
def _tool_calls(message: Fields) -> tuple[ToolCall, ...]:
    rows = [_object(row) for row in _list(message.get("tool_calls"))]
    calls = [_tool_call(row, position) for position, row in enumerate(rows)]
    if function := _object(message.get("function_call")):  # as OpenAI had it before tools
        calls.append(_tool_call({"function": function}, 0))
    return tuple(calls)


def _tool_call(row: Mapping[str, object], position: int) -> ToolCall:
    function = _object(row.get("function")) or _object(row.get("custom")) or row
    arguments = function.get("arguments", function.get("input"))
    index = row.get("index")
    return ToolCall(
        index=index if type(index) is int and 0 <= index < 1000 else position,
        id=_text(row.get("id")) or None,
        name=_text(function.get("name")) or None,
        arguments=arguments if isinstance(arguments, str) else _as_json(arguments),
    )


def _as_json(arguments: object) -> str:
    return json.dumps(arguments, ensure_ascii=False, default=float) if isinstance(arguments, dict | list) else ""


# --- Shapes -----------------------------------------------------------------------------------------
def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
