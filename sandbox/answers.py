"""The answers of the simulated models: short, harmless, the same for the same question. A token is a word.

Switches in the last message: [words 50] length, [slow 1500] ms before the answer, [pace 20] ms between words,
[fail 500] the provider answers with that status, [cut] or [sse-error] it fails inside the stream, [budget] the budget
ends there, [reason 5] words of reasoning first, [cached 2] prompt tokens from a cache, [markdown] a formatted answer,
[echo] the question itself with its white space, [count 100] the numbers up to it, so that a lost word is noticed,
[bytes] one character at a time, [tool] a call of the first tool offered. [refuse seed] refuses that parameter,
[too-long] and [filter] refuse the prompt, [filtered] ends the answer halfway. A question for code, a table or a formula
gets one of each, without a switch.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

_SWITCH = re.compile(
    r"\[(?:(words|slow|pace|fail|cut|sse-error|budget|reason|cached|markdown|echo|count|bytes|tool|too-long|filter|"
    r"filtered)(?: (\d{1,7}))?|refuse (\w{1,40}))\] ?"
)
BREAKS = ("cut", "sse-error", "budget")
REFUSALS = ("too-long", "filter")
_WORD = re.compile(r"\s*\S+")
_WORD_OR_END = re.compile(r"\s*\S+|\s+$")
_MOST_CHOICES = 16
_MOST_WORDS = 45
_MARKDOWN = """## About {topic}

Here is **one** way to look at *{topic}*:

1. Start small.
2. Measure, then change.

| step | minutes |
|------|---------|
| read | 5 |
| try  | 20 |

```python
print("hello, {topic}")
```

> More in the [documentation](https://example.org/).
"""
_ASKS_FOR_FORM = re.compile(r"\b(code|python|function|fonction|table|tableau|formula|formule)\b", re.IGNORECASE)
_FORMULA = """
The mean of $n$ values:

$$\\bar{x} = \\frac{1}{n} \\sum_{i=1}^{n} x_i$$
"""
_SENTENCES = (
    "You asked about “{topic}”.",
    "The short answer is that it depends on what you want to do with {topic}.",
    "A good first step is to try {topic} on a small example and to look at the result.",
    "If that works, change one thing at a time and keep notes.",
    "This text comes from a simulated model, so please do not quote it on {topic}.",
)
_THOUGHTS = "First I look at the question , then at what I know , and then I choose few plain words ."
_DULL = (
    " a about an and are can could do does for how i in is it me my of on or please tell the this to what "
    "which who why with would write you your hello hi explain give list make show some me to someone sentences "
    "one two three four five "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer of a model, and how it is sent."""

    words: list[str]
    thoughts: list[str]
    finish: str
    prompt_tokens: int
    cached_tokens: int = 0
    tool_call: dict[str, Any] | None = None
    slow_ms: int = 0
    pace_ms: int | None = None
    fail_status: int | None = None
    breaks: str | None = None
    choices: int = 1
    refusal: str | None = None
    refuses: str | None = None  # the parameter that it refuses

    @property
    def completion_tokens(self) -> int:
        """Return the tokens billed as output, reasoning included."""
        return len(self.words) * self.choices + len(self.thoughts)


def count_words(text: str) -> int:
    """Count the tokens of a text."""
    return len(text.split())


def text_of(content: object) -> str:
    """Return the text of a message, a prompt or an input, whatever its form."""
    match content:
        case str():
            return content
        case list():
            return " ".join(text_of(part) for part in content)
        case {"text": str(text)}:
            return text
        case {"content": inner}:
            return text_of(inner)
    return ""


def answer_to(question: str, last: str, body: Mapping[str, Any]) -> Answer:
    """Generate the answer; `question` is everything that was sent, `last` the part to answer."""
    found = _SWITCH.findall(last)
    switches = {name: int(number or 0) for name, number, _ in found if name}
    words, finish = _limited(list(_spoken(last, switches)), body)
    if "filtered" in switches:
        words, finish = words[: len(words) // 2], "content_filter"
    tool = _tool_call(body) if "tool" in switches else None
    return Answer(
        words=[] if tool else list("".join(words)) if "bytes" in switches else words,
        thoughts=_spaced(islice(cycle(_THOUGHTS.split()), switches.get("reason", 0))),
        finish="tool_calls" if tool else finish,
        prompt_tokens=max(1, count_words(question)),
        cached_tokens=min(switches.get("cached", 0), count_words(question)),
        tool_call=tool,
        slow_ms=switches.get("slow", 0),
        pace_ms=switches.get("pace"),
        fail_status=switches.get("fail"),
        breaks=next((name for name in BREAKS if name in switches), None),
        choices=_choices(body),
        refusal=next((name for name in REFUSALS if name in switches), None),
        refuses=next((name for _, _, name in found if name in body), None),
    )


def _choices(body: Mapping[str, Any]) -> int:
    wanted = body.get("n")
    return min(wanted, _MOST_CHOICES) if isinstance(wanted, int) and wanted > 0 else 1


def _spoken(last: str, switches: Mapping[str, int]) -> Iterator[str]:
    plain = _SWITCH.sub("", last)
    if "echo" in switches:
        return iter(_WORD_OR_END.findall(plain.rstrip(" ") if last.endswith("]") else plain))
    plain = plain.strip()
    if "count" in switches:
        return iter(_spaced(str(number) for number in range(1, switches["count"] + 1)))
    topic = _topic(plain)
    if "markdown" in switches:
        return iter(_WORD.findall(_MARKDOWN.format(topic=topic)))
    if not switches and _ASKS_FOR_FORM.search(plain):
        return iter(_WORD.findall(_MARKDOWN.format(topic=topic) + _FORMULA))
    sentences = " ".join(_SENTENCES).format(topic=topic).split()
    if "words" in switches:
        return iter(_spaced(islice(cycle(sentences), switches["words"])))
    return iter(_spaced(_whole_sentences(sentences[:_MOST_WORDS])))


def _whole_sentences(words: list[str]) -> list[str]:
    """Leave out the last sentence if it is not whole."""
    ends = [index for index, word in enumerate(words, start=1) if word.endswith(".")]
    return words[: ends[-1]] if ends else words


def _spaced(words: Iterable[str]) -> list[str]:
    return [word if index == 0 else " " + word for index, word in enumerate(words)]


def _topic(plain: str) -> str:
    telling = [word for word in re.findall(r"[^\W_][\w-]{1,23}", plain) if f" {word.lower()} " not in _DULL]
    return " ".join(telling[:3]) or "that"


def _limited(words: list[str], body: Mapping[str, Any]) -> tuple[list[str], str]:
    if stops := body.get("stop"):
        text = "".join(words)
        for stop in [stops] if isinstance(stops, str) else stops:
            text = text.partition(stop)[0] if stop else text
        words = _WORD.findall(text)
    limit = limit_of(body)
    if limit is not None and limit < len(words):
        return words[:limit], "length"
    return words, "stop"


def limit_of(body: Mapping[str, Any]) -> int | None:
    """Return the maximum number of tokens in the request."""
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit if isinstance(limit, int) else None


def _tool_call(body: Mapping[str, Any]) -> dict[str, Any] | None:
    match body.get("tools"):
        case [{"function": {"name": str(name)} as function}, *_]:
            properties = (function.get("parameters") or {}).get("properties") or {}
            arguments = json.dumps(dict.fromkeys(properties, "example"))
            return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return None
