"""Separating a model's reasoning from its answer, in the formats of present models."""

import pytest

from playground.reasoning import ReasoningSplitter, parted

SPELLINGS = {
    "DeepSeek-R1": ("<think>\nhm\n</think>\n\nFour", "hm", "Four"),
    "Qwen3 behind vLLM without a parser": ("Okay, hm\n\nso\n</think>\n\nFour", "Okay, hm\n\nso", "Four"),
    "nothing thought": ("<think>\n\n</think>\n\nFour", "", "Four"),
    "nothing thought, prefilled": ("\n</think>\n\nFour", "", "Four"),
    "twice opened": ("<think><think>hm</think>Four", "<think>hm", "Four"),
    "in two blocks": ("<think>hm</think>\n<think>ah</think>\nFour", "hm\n\nah", "Four"),
    "thinking": ("<thinking>hm</thinking>Four", "hm", "Four"),
    "reasoning": ("<reasoning>\nhm</reasoning>\n**Four**", "hm", "**Four**"),
    "thought": ("<thought>hm</thought>Four", "hm", "Four"),
    "capitals": ("<Thinking>hm</Thinking>Four", "hm", "Four"),
    "Seed-OSS": ("<seed:think>hm</seed:think>Four", "hm", "Four"),
    "MiniMax, prefilled": ("hm</mm:think>Four", "hm", "Four"),
    "Magistral": ("[THINK]hm[/THINK]Four", "hm", "Four"),
    "Magistral, prefilled": ("hm\n[/THINK]\nFour", "hm", "Four"),
    "Kimi-VL": ("◁think▷hm◁/think▷Four", "hm", "Four"),
    "Command A": ("<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>Four<|END_RESPONSE|>", "hm", "Four"),
    "OpenThinker": (
        "<|begin_of_thought|>\nhm\n<|end_of_thought|>\n<|begin_of_solution|>\nFour\n<|end_of_solution|>",
        "hm",
        "Four",
    ),
    "Gemma": ("<|channel>thought\nhm<channel|>Four", "hm", "Four"),
    "Apertus": ("<|inner_prefix|>hm<|inner_suffix|>Four", "hm", "Four"),
    "Hunyuan": ("<think>\nhm\n</think>\n<answer>\nFour\n</answer>", "hm", "Four"),
    "Granite 3.2": ("Here is my thought process:\n\nhm\n\nHere is my response:\n\nFour", "hm", "Four"),
    "Granite, quantized": ("Here's my thought process: hm Here's my response: Four", "hm", "Four"),
    "Granite 3.3": ("<think>hm</think><response>Four</response>", "hm", "Four"),
    "gpt-oss": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Four<|return|>",
        "hm",
        "Four",
    ),
    "gpt-oss, begun": ("<|start|>assistant<|channel|>analysis<|message|>hm", "hm", ""),
    "gpt-oss, commentary": (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>ah<|end|>"
        "<|start|>assistant<|channel|>final<|message|>Four",
        "hm\n\nah",
        "Four",
    ),
    "gpt-oss, only final": ("<|channel|>final<|message|>Four", "", "Four"),
    "gpt-oss without its tokens": ("analysisThe user asks. hmassistantfinalFour", "The user asks. hm", "Four"),
    "stopped": ("<think>\nhm", "hm", ""),
    "stopped, Magistral": ("[THINK]hm", "hm", ""),
    "of a person's own tags": ("<think>a <b>bold</b> idea</think>Four", "a <b>bold</b> idea", "Four"),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_separates_reasoning_and_answer(spelling: str) -> None:
    text, thought, said = SPELLINGS[spelling]

    assert parted(text) == (thought, said)


@pytest.mark.parametrize(
    "text",
    [
        "Four",
        "",
        "So: <think>a</think>",
        "Write `</think>` at the end.",
        "Begin with `<think>` and end with </think>.",
        "```xml\n<a>\n</think>\n```\nis how it ends",
        "Here is my thought process: I add two and two.",
        "analysis of the assistant: final",
        "The <|channel|> token opens a channel.",
        "<thinker>hm</thinker>",
        "1 < 2 and [THINKING] is none",
    ],
)
def test_a_text_about_the_tags_is_unchanged(text: str) -> None:
    assert parted(text) == ("", text)


def test_is_quick_where_tags_are_many() -> None:
    text = "<think>a</think>" * 2000 + "</think>`" * 20_000

    thought, said = parted(text)

    assert thought.startswith("a")
    assert len(said) > 20_000


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    "spelling",
    ["DeepSeek-R1", "thinking", "capitals", "Seed-OSS", "Magistral", "Kimi-VL", "Apertus", "stopped", "gpt-oss"],
)
def test_separates_them_in_a_stream_however_the_tags_are_cut(spelling: str, size: int) -> None:
    text, thought, said = SPELLINGS[spelling]
    splitter = ReasoningSplitter()

    pieces = [splitter.feed(text[start : start + size]) for start in range(0, len(text), size)]

    assert thought in "".join(reasoning for _, reasoning in pieces)
    assert "".join(piece for piece, _ in pieces).strip().removesuffix("<|return|>") == said


def test_letters_that_grow_in_lower_case_are_not_cut() -> None:
    splitter = ReasoningSplitter()

    pieces = [splitter.feed(piece) for piece in ("<think>İİİİ", "İ</think>", "Four")]

    assert ("".join(thought for _, thought in pieces), "".join(said for said, _ in pieces)) == ("İİİİİ", "Four")


@pytest.mark.parametrize("text", ["Four", "<b>Four</b>", "So: <think>a</think>", "< think", "1 <2", "\n\nFour"])
def test_a_text_without_reasoning_is_unchanged(text: str) -> None:
    splitter = ReasoningSplitter()

    assert "".join(splitter.feed(letter)[0] for letter in text) == text
