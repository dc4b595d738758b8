"""Links that prefill the form: complete both ways, lenient with invalid values, which are all named."""

from typing import Any

import pytest
from django.http import QueryDict

from keys.models import GatewayModel
from playground.presets import LINK_CHARS, Preset, from_query, to_query

MODELS = [GatewayModel(name="small", max_output_tokens=4096), GatewayModel(name="a/b c&d", features=["vision"])]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
EVERYTHING: dict[str, Any] = {
    "model": "a/b c&d",
    "system": "Tu es patient.\nDeux lignes & plus.",
    "temperature": 0.00001,
    "top_p": 1.0,
    "max_tokens": 400,
    "stop": ["\n\n", "a\\b", " FIN"],
    "presence_penalty": -1.5,
    "frequency_penalty": 2.0,
    "seed": 0,
    "n": 2,
    "json": True,
    "reasoning_effort": "low",
    "tools": [TOOL],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "logit_bias": {"50256": -100},
}


def read(query: str) -> Preset:
    return from_query(QueryDict(query), models=MODELS)


def test_a_link_fills_the_form_in_as_it_was() -> None:
    query = to_query(EVERYTHING)

    assert query
    assert read(query) == Preset(params=EVERYTHING, dropped=[])


def test_a_link_has_readable_parameters() -> None:
    params = {"model": "small", "temperature": 0.7, "max_tokens": 400, "system": "Be kind."}

    assert to_query(params) == "model=small&system=Be+kind.&temperature=0.7&max_tokens=400"
    assert read("temperature=0,7") == Preset(params={"temperature": 0.7}, dropped=[])


def test_invalid_values_are_dropped_and_named_and_the_rest_prefilled() -> None:
    preset = read(
        "model=forbidden&system=Be+kind.&temperature=hot&tools=[&max_tokens=5&tool_choice=maybe&n=&utm_source=mail"
    )

    assert preset.params == {"system": "Be kind.", "max_tokens": 5}
    assert preset.dropped == ["model", "temperature", "tools", "tool_choice"]


def test_the_longest_answer_of_the_model_holds_for_links_too() -> None:
    assert read("model=small&max_tokens=5000") == Preset(params={"model": "small"}, dropped=["max_tokens"])


@pytest.mark.parametrize("query", ["user=someone", "metadata=a%3Db", "message=Send+me", "images=x"])
def test_personal_fields_are_never_prefilled(query: str) -> None:
    preset = read(f"model=small&{query}&api_base=http://10.0.0.1&without=seed")

    assert preset == Preset(params={"model": "small"}, dropped=[query.split("=")[0]])


def test_a_link_has_no_personal_data_and_no_refused_parameter() -> None:
    params = {**EVERYTHING, "user": "someone", "metadata": {"a": "b"}, "without": ["seed", "tools", "response_format"]}

    query = QueryDict(to_query(params))

    gone = {"seed", "tools", "tool_choice", "parallel_tool_calls", "json"}
    assert query.keys() == EVERYTHING.keys() - gone
    assert read(query.urlencode()).dropped == []


def test_a_link_that_no_server_would_take_is_not_made() -> None:
    room = LINK_CHARS - len("model=small&system=")

    assert to_query({"model": "small", "system": "a" * room})
    assert to_query({"model": "small", "system": "a" * (room + 1)}) is None
    assert to_query({"model": "small", "system": "é" * (room // 6 + 1)}) is None
