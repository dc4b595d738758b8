"""Separates a model's reasoning from its answer, if both came in one text: a server may not parse reasoning.

The formats are those that vLLM, llama.cpp and Ollama support for present open models. A text without an opening
tag may still contain reasoning: some chat templates write that tag before the model begins.
"""

import re
from itertools import islice
from string import ascii_lowercase, ascii_uppercase
from typing import Final

_NAME: Final = r"((?:[a-z]+[:|])?(?:think|thinking|thought|reasoning))"
_TAG: Final = re.compile(rf"<{_NAME}>", re.IGNORECASE)
_PAIRS: Final = {  # an opening tag, and the closing tag of its reasoning
    "[THINK]": "[/THINK]",
    "◁think▷": "◁/think▷",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
    "<|inner_prefix|>": "<|inner_suffix|>",
}
_CLOSING: Final = re.compile("|".join([rf"</{_NAME}>", *map(re.escape, _PAIRS.values())]), re.IGNORECASE)
_AROUND_THE_ANSWER: Final = (
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
)
_MOST_BLOCKS: Final = 20

_GRANITE: Final = re.compile(
    r"\s*Here(?: is|'s) my thought process:(.*?)Here(?: is|'s) my response:(.*)", re.DOTALL | re.IGNORECASE
)
_HARMONY: Final = re.compile(  # gpt-oss
    r"(?:<\|start\|>assistant)?<\|channel\|>(\w+)[^<\n]{0,200}(?:<\|constrain\|>\w+)?<\|message\|>"
    r"(.*?)(?:<\|end\|>|<\|return\|>|<\|call\|>|(?=<\|start\|>)|\Z)\s*",
    re.DOTALL,
)
_BARE_HARMONY: Final = re.compile(r"\s*analysis(?=[A-Z\n])(.*?)assistantfinal(.*)", re.DOTALL)  # its tokens dropped


def parted(text: str) -> tuple[str, str]:
    """Return reasoning and answer; without reasoning, ("", text) unchanged."""
    if text.lstrip().startswith(("<|channel|>", "<|start|>")):
        return _of_channels(text.strip())
    for pattern in (_GRANITE, _BARE_HARMONY):
        if found := pattern.match(text):
            return found[1].strip(), found[2].strip()
    thoughts: list[str] = []
    rest = text
    while len(thoughts) < _MOST_BLOCKS and (block := _opened_block(rest)):
        thought, rest = block
        thoughts.append(thought)
    if not thoughts and (closing := _closing_without_opening(text)):
        thoughts, rest = [text[: closing.start()].strip()], text[closing.end() :]
    return ("\n\n".join(filter(None, thoughts)), _unwrapped(rest)) if thoughts else ("", text)


def _opened_block(text: str) -> tuple[str, str] | None:
    """Return the reasoning that opens the text, and the rest; unclosed, all is reasoning."""
    begun = text.lstrip()
    if tag := _TAG.match(begun):
        opening, end = tag[0], f"</{tag[1]}>"
    else:
        opening = next((each for each in _PAIRS if begun.startswith(each)), "")
        end = _PAIRS.get(opening, "")
    if not opening:
        return None
    closing = re.compile(re.escape(end), re.IGNORECASE).search(begun, len(opening))
    if closing is None:
        return begun[len(opening) :].strip(), ""
    return begun[len(opening) : closing.start()].strip(), begun[closing.end() :]


def _closing_without_opening(text: str) -> re.Match[str] | None:
    """Return the tag that closes reasoning which the chat template had opened; not one that is merely mentioned."""
    for closing in islice(_CLOSING.finditer(text), _MOST_BLOCKS):
        before = text[: closing.start()]
        if _TAG.search(before) or any(opening in before for opening in _PAIRS):
            return None
        line = before.rpartition("\n")[2].replace("```", "")
        if before.count("```") % 2 == 0 and line.count("`") % 2 == 0:
            return closing
    return None


def _of_channels(text: str) -> tuple[str, str]:
    """Separate gpt-oss' messages: the channel "final" is the answer, the others are reasoning."""
    thoughts: list[str] = []
    content: list[str] = []
    end = 0
    while message := _HARMONY.match(text, end):
        (content if message[1] == "final" else thoughts).append(message[2].strip())
        end = message.end()
    content.append(text[end:].strip())
    return "\n\n".join(filter(None, thoughts)), "\n\n".join(filter(None, content))


def _unwrapped(content: str) -> str:
    """Return an answer without the tags that some models put around it."""
    begun = content.strip()
    for opening, closing in _AROUND_THE_ANSWER:
        if begun.startswith(opening):
            return begun.removeprefix(opening).removesuffix(closing).strip()
    return content.strip("\r\n")


# --- While it comes -----------------------------------------------------------------------------------
_SMALL: Final = str.maketrans(ascii_uppercase, ascii_lowercase)  # unlike lower(), which may change a text's length
_LIVE: Final = {  # openings in lower case, and the closing tag of each
    **{
        f"<{name}>": f"</{name}>"
        for name in ("think", "thinking", "thought", "reasoning", "seed:think", "mm:think", "ifm|think")
    },
    **{opening.translate(_SMALL): closing.translate(_SMALL) for opening, closing in _PAIRS.items()},
    "<|channel|>analysis<|message|>": "<|channel|>final<|message|>",
}


class ReasoningSplitter:
    """Separates an answer while it streams, for the page; the saved one is separated by `parted` at its end.

    Reasoning without an opening tag cannot be recognised before it ends: it is sent as text.
    """

    def __init__(self) -> None:
        self._held = ""  # possibly the beginning of a tag
        self._closing = ""  # of the current reasoning
        self._has_content = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Return the additions of this delta to the text and to the reasoning."""
        if self._has_content or not piece:
            return piece, ""
        held, self._held = self._held + piece, ""
        if not self._closing:
            begun = held.lstrip().translate(_SMALL)
            opening = next((each for each in _LIVE if begun.startswith(each)), "")
            if not opening and any(each.startswith(begun) for each in _LIVE):
                self._held = held
                return "", ""
            if not opening:
                self._has_content = True
                return held, ""
            self._closing, held = _LIVE[opening], held.lstrip()[len(opening) :]
        return self._of_thought(held)

    def _of_thought(self, held: str) -> tuple[str, str]:
        small, closing = held.translate(_SMALL), self._closing
        if (at := small.find(closing)) >= 0:
            self._has_content = True
            return held[at + len(closing) :].lstrip("\r\n"), held[:at]
        longest = min(len(closing) - 1, len(small))
        kept = next((size for size in range(longest, 0, -1) if closing.startswith(small[-size:])), 0)
        self._held = held[len(held) - kept :]
        return "", held[: len(held) - kept]
