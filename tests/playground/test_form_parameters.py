"""Parameters as people type them: accepted in many formats, or refused with position and range."""

import json

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from pytest_django import Settings

from playground import presets
from playground.as_code import code_for
from playground.forms import AskForm
from playground.forms.fields import NameField
from playground.models import Message
from playground.services.requests import chat_request
from tests.playground.ask_form import MODELS, TOOL, error_of, params_of, submitted


def test_an_empty_field_is_no_parameter() -> None:
    empty = dict.fromkeys(("system", "temperature", "stop", "tools", "logit_bias", "metadata", "n"), "")

    assert params_of(**empty) == {"model": "small"}


def test_everything_that_can_be_set_becomes_a_parameter() -> None:
    typed = {
        "system": "Be kind.",
        "temperature": "0.7",
        "top_p": "0.9",
        "max_tokens": "400",
        "stop": "END\n\\n\\n\n a\\\\nb",
        "presence_penalty": "-1.5",
        "frequency_penalty": "2",
        "seed": "42",
        "n": "2",
        "json": "on",
        "reasoning_effort": "low",
        "tools": json.dumps([TOOL]),
        "tool_choice": "required",
        "parallel_tool_calls": "false",
        "logit_bias": '{"50256": -100}',
        "metadata": "course = physics\n\ngroup=a = b",
        "without": "seed,stream_options",
    }

    assert params_of(**typed) == {
        "model": "small",
        "system": "Be kind.",
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 400,
        "stop": ["END", "\n\n", " a\\nb"],
        "presence_penalty": -1.5,
        "frequency_penalty": 2.0,
        "seed": 42,
        "n": 2,
        "json": True,
        "reasoning_effort": "low",
        "tools": [TOOL],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "logit_bias": {"50256": -100},
        "metadata": {"course": "physics", "group": "a = b"},
        "without": ["seed", "stream_options"],
    }


def test_zero_is_a_parameter() -> None:
    assert params_of(temperature="0", seed="0") == {"model": "small", "temperature": 0.0, "seed": 0}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("0,7", 0.7), (" .5 ", 0.5), ("1,", 1.0), ("+2", 2.0)],
)
def test_numbers_are_understood_as_people_write_them(typed: str, meant: float) -> None:
    assert params_of(temperature=typed)["temperature"] == meant


def test_spaces_between_thousands_and_a_unicode_minus_are_accepted() -> None:
    assert params_of(max_tokens="4\u202f000", presence_penalty="\u22121") == {
        "model": "small",
        "max_tokens": 4000,
        "presence_penalty": -1.0,
    }


@pytest.mark.parametrize("typed", ["warm", "1e1", "nan", "1.2.3", "1_0", "0x1", "٣", "1,000,0"])
def test_an_invalid_number_is_reported(typed: str) -> None:
    assert error_of("temperature", temperature=typed) == "Enter a number."


@pytest.mark.parametrize(
    ("field", "typed", "error"),
    [
        ("temperature", "2.1", "Enter a value from 0 to 2."),
        ("temperature", "-0.1", "Enter a value from 0 to 2."),
        ("top_p", "1,01", "Enter a value from 0 to 1."),
        ("presence_penalty", "-2.5", "Enter a value from -2 to 2."),
        ("frequency_penalty", "3", "Enter a value from -2 to 2."),
        ("n", "5", "Enter a value from 1 to 4."),
        ("n", "0", "Enter a value from 1 to 4."),
        ("n", "1.5", "Enter a whole number."),
        ("n", "٣", "Enter a whole number."),
        ("seed", "1" * 30, "Enter a whole number."),
        ("max_tokens", "0", "Enter a value from 1 to 1000000."),
        ("max_tokens", "4097", "“small” answers with at most 4096 tokens."),
    ],
)
def test_a_number_out_of_range_reports_the_range(field: str, typed: str, error: str) -> None:
    assert error_of(field, **{field: typed}) == error


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ('{"50256": }', "Not valid JSON: line 1, column 11: a value is missing here."),
        (
            '{\r\n"1": 1\r\n"2": 2}',
            "Not valid JSON: line 3, column 1: a comma, or the closing bracket, is expected here.",
        ),
        ("{1: 2}", "Not valid JSON: line 1, column 2: a name in double quotes is expected here."),
        ('{"1" 2}', "Not valid JSON: line 1, column 6: a colon is expected here."),
        ('{"1": 2}}', "Not valid JSON: line 1, column 9: nothing may follow here."),
        ('{"1', "Not valid JSON: line 1, column 2: this text has no closing quote."),
        ('{"1": NaN}', "Not valid JSON: NaN is not a number there."),
        ("[1]", "Enter a JSON object, for example {“50256”: −100}."),
        ('{"cat": 1}', "“cat” is not the number of a token."),
        ('{"1": 101}', "Token 1: a number from −100 to 100."),
        ('{"1": true}', "Token 1: a number from −100 to 100."),
        (json.dumps(dict.fromkeys(range(301), 1)), "At most 300 tokens."),
        ("[" * 60_000, "At most 50000 characters."),
    ],
)
def test_a_json_error_is_reported_with_its_position(typed: str, error: str) -> None:
    assert error_of("logit_bias", logit_bias=typed) == error


@pytest.mark.parametrize(
    "typed", ["[" * 40_000, '{"1": 1e999}', '{"1": ' + "9" * 6000 + "}", '["\\ud800"]', '["a\\u0000"]']
)
def test_json_that_no_database_or_gateway_takes_is_refused(typed: str) -> None:
    assert error_of("tools", tools=typed).startswith("This JSON cannot be sent")


def function(**fields: object) -> str:
    return json.dumps([{"type": "function", "function": {"name": "f", **fields}}])


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("{}", "Enter a JSON list of functions: [{…}, {…}]."),
        ("[]", "Enter a JSON list of functions: [{…}, {…}]."),
        ('["f"]', "Tool 1: its “type” must be “function”."),
        ('[{"type": "mcp", "server_url": "http://10.0.0.1"}]', "Tool 1: its “type” must be “function”."),
        ('[{"type": "function", "name": "f"}]', "“function” is missing, an object with name, description"),
        (function(server_url="http://10.0.0.1"), "Tool 1: “server_url” is not part of a function."),
        (json.dumps([{**TOOL, "url": "x"}]), "Tool 1: “url” is not part of a function."),
        (function(name="météo"), "Tool 1: “name” is up to 64 letters"),
        (function(name=["f"]), "Tool 1: “name” is up to 64 letters"),
        (function(parameters=[]), "Tool 1: “parameters” is not of the right kind."),
        (json.dumps([TOOL, TOOL]), "Two functions have the same name."),
        (json.dumps([TOOL] * 65), "At most 64 functions."),
    ],
)
def test_only_functions_are_tools(typed: str, error: str) -> None:
    assert error in error_of("tools", tools=typed)


@pytest.mark.parametrize("field", ["tool_choice", "parallel_tool_calls"])
def test_tool_choice_requires_tools(field: str) -> None:
    typed = {"tool_choice": "auto", "parallel_tool_calls": "false"}[field]

    assert error_of(field, **{field: typed}).startswith("This needs tools.")


def test_an_error_in_the_tools_is_reported_once() -> None:
    assert error_of("tools", tools="[", tool_choice="auto").startswith("Not valid JSON")


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("a\nb\nc\nd\ne", "At most 4 texts, one per line."),
        ("a" * 201, "At most 200 characters per line."),
    ],
)
def test_stops_are_few_and_short(typed: str, error: str) -> None:
    assert error_of("stop", stop=typed) == error


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ("course: physics", "Line 1: write it as name = value."),
        ("course = b\n= c", "Line 2: write it as name = value."),
        ("course = " + "b" * 513, "Line 1 is too long: 64 characters for the name, 512 for the value."),
        ("note = sk-abcdefgh12345678", "Line 1 contains a key. Remove it: the gateway would log it."),
    ],
)
def test_metadata_is_lines_of_names_and_values(typed: str, error: str) -> None:
    assert error_of("metadata", metadata=typed) == error


def test_the_name_of_a_message_is_one_that_the_api_takes() -> None:
    field = NameField(required=False)
    assert [field.clean(typed) for typed in ("", " Ann_2-b ", "a" * 64)] == ["", "Ann_2-b", "a" * 64]

    for typed in ("Zoé", "Ann B", "a" * 65, "a\nb", "٣", "<b>"):
        with pytest.raises(ValidationError, match="without accents"):
            field.clean(typed)


def test_names_that_no_model_can_refuse_are_never_left_out() -> None:
    data = QueryDict("message=x&model=small&without=seed&without=messages,model,%20temperature")
    form = AskForm(data, models=MODELS)

    assert form.is_valid()
    assert form.params()["without"] == ["seed", "temperature"]


@pytest.mark.parametrize(
    "name",
    [
        *("status", "tags", "Langfuse_Host", "user_api_key_user_id", "user_id", "team_id", "model", "cost", "name"),
        *("spend_logs_metadata", "session_id", "mock_response", "api_base", "Course", "course ", "курс", "course.x"),
    ],
)
def test_metadata_has_only_names_that_a_gateway_does_not_act_on(name: str) -> None:
    error = error_of("metadata", metadata=f"course = physics\n{name}x = 1" if name == "course " else f"\n{name} = 1")

    assert error.startswith("Line 2: the name must be one of these: course, exercise, ")


def test_metadata_names_are_configured_by_the_operator(settings: Settings) -> None:
    settings.PLAYGROUND_METADATA_NAMES = ["semester"]

    assert params_of(metadata="semester = 2")["metadata"] == {"semester": "2"}
    assert error_of("metadata", metadata="course = a") == "Line 1: the name must be one of these: semester."


def test_no_form_can_set_the_user_of_a_request() -> None:
    assert "user" not in params_of(user="somebody-else")
    assert "user" not in [entry.name for entry in submitted().parameter_fields()]


@pytest.mark.parametrize("name", ["litellm_web_search", "LiteLLM_x"])
def test_a_function_that_the_gateway_would_call_itself_is_refused(name: str) -> None:
    tools = json.dumps([{"type": "function", "function": {"name": name}}])

    assert error_of("tools", tools=tools) == ("Tool 1: the gateway keeps names that begin with “litellm” for itself.")


def nested(levels: int, *, shape: str) -> str:
    """Return JSON of so many levels: a tool whose parameters are lists, objects, or both in turn."""
    opening = {"lists": ["["], "objects": ['{"a":'], "both": ["[", '{"a":']}[shape]
    inner = levels - 4  # [ { function: { parameters: {
    parts = [opening[number % len(opening)] for number in range(inner)]
    closing = "".join("]" if part == "[" else "}" for part in reversed(parts))
    value = f"{''.join(parts)}1{closing}"
    return f'[{{"type": "function", "function": {{"name": "f", "parameters": {{"a": {value}}}}}}}]'


@pytest.mark.parametrize("shape", ["lists", "objects", "both"])
@pytest.mark.parametrize("levels", [33, 250, 600, 930])
def test_json_of_many_levels_is_refused(shape: str, levels: int) -> None:
    typed = nested(levels, shape=shape)

    assert error_of("tools", tools=typed) == "Brackets in brackets: at most 32 levels are allowed."
    if levels < 900:  # the parser may give up first
        assert error_of("logit_bias", logit_bias=typed) == "Brackets in brackets: at most 32 levels are allowed."


@pytest.mark.parametrize("shape", ["lists", "objects", "both"])
def test_json_of_32_levels_can_be_stored_shown_linked_and_written_as_code(shape: str) -> None:
    params = params_of(tools=nested(32, shape=shape))

    form = AskForm(models=MODELS, initial=AskForm.initial_from(params))
    assert params_of(tools=str(form["tools"].value()))["tools"] == params["tools"]
    assert "tools" in (presets.to_query(params) or "")
    message = Message(text="Hi")
    message.sent_files = []
    body = chat_request(params, [(message, None)])
    assert all(snippet.code for snippet in code_for("chat", body.as_json()))


@pytest.mark.parametrize("number", ["9" * 20, "-" + "9" * 25, "1" * 5000, "1e400", "-1e999", "Infinity", "-Infinity"])
def test_numbers_that_a_gateway_could_not_read_are_refused(number: str) -> None:
    tools = nested(8, shape="both").replace("1]", f"{number}]").replace("1}", f"{number}}}")

    assert error_of("tools", tools=tools).startswith(("This JSON cannot be sent", "Not valid JSON"))


@pytest.mark.parametrize("field", ["message", "system", "stop", "metadata"])
def test_a_lone_surrogate_is_refused_in_every_field(field: str) -> None:
    typed = {"metadata": "note = \ud83d"}.get(field, "a \udc00 b")

    assert error_of(field, **{field: typed}) == "This contains invalid characters. Type it again instead of pasting it."
