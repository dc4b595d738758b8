"""The Playground's form: the message, the model, stored values, and what the page shows."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict
from pytest_django import Settings

from keys.models import GatewayModel
from playground.forms import AskForm
from playground.models import Conversation
from playground.parameters import PARAMETERS
from tests.playground.ask_form import MODELS, TOOL, error_of, params_of, submitted
from tests.playground.xss import CORPUS

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def test_another_model_gets_the_parameters_that_the_first_refused() -> None:
    refused = Conversation(model_names=["small"])

    same, other = (submitted(conversation=refused, model=name, without="seed") for name in ("small", "eyes"))
    assert same.is_valid()
    assert other.is_valid()
    assert same.params()["without"] == ["seed"]
    assert "without" not in other.params()


def test_a_model_that_the_person_may_not_call_is_refused_at_its_field() -> None:
    assert error_of("model", model="secret-model") == "You cannot call “secret-model” here. Choose one of the list."
    assert error_of("model", model="") == "Choose a model."


def test_people_without_models_see_an_explanation() -> None:
    form = AskForm({"message": "Hello", "model": ""}, models=[])

    assert form.errors["model"] == ["There is no model that you may call here."]


@pytest.mark.parametrize("typed", ["", " \r\n "])
def test_an_empty_message_is_refused(typed: str) -> None:
    assert error_of("message", message=typed) == "Write a message first."


def test_a_message_keeps_white_space_and_loses_nul_characters() -> None:
    form = submitted(message="  a\r\nb\r\0c ")

    assert form.is_valid()
    assert form.cleaned_data["message"] == "  a\nb\nc "


@pytest.mark.parametrize("field", ["message", "system"])
def test_a_text_that_is_too_long_reports_by_how_much_and_stays(field: str, settings: Settings) -> None:
    settings.PLAYGROUND_PROMPT_CHARS = 10

    enough: dict[str, Any] = {field: "a\r\n" * 5}

    form = submitted(**{field: enough[field] + "b"})

    assert form.errors == {field: ["This has 11 characters. 10 are allowed: shorten it."]}
    assert form[field].value().endswith("b")
    assert "maxlength" not in str(form[field])
    assert submitted(**enough).is_valid()


def test_a_refused_form_keeps_its_input() -> None:
    form = submitted(message="a prompt", tools="[1,", temperature="warm", stop="a\\n", metadata="x")

    assert not form.is_valid()
    assert [form[name].value() for name in ("message", "tools", "temperature", "stop", "metadata")] == [
        "a prompt",
        "[1,",
        "warm",
        "a\\n",
        "x",
    ]


def test_the_settings_of_a_conversation_are_shown_as_they_were_typed() -> None:
    typed = {
        "temperature": "0.7",
        "seed": "7",
        "stop": "\\n\\n\na\\\\b",
        "json": "on",
        "tools": json.dumps([TOOL], indent=2),
        "parallel_tool_calls": "true",
        "metadata": "course = b\nnote = d",
        "without": "n,seed",
    }
    params = params_of(**typed)

    form = AskForm(models=MODELS, initial=AskForm.initial_from({**params, "temperature": 1.0, "api_base": "x"}))

    shown = {name: form[name].value() for name in typed}
    assert shown == {**typed, "temperature": "1", "seed": 7, "json": True}
    assert "api_base" not in form.initial
    assert params_of(**{**typed, **{name: str(value) for name, value in shown.items()}}) == {
        **params,
        "temperature": 1.0,
    }


def test_a_missing_model_is_replaced_by_the_first() -> None:
    assert AskForm(models=MODELS, initial={"model": "gone"})["model"].value() == "small"
    assert AskForm(models=MODELS, initial={"model": "eyes"})["model"].value() == "eyes"


def test_sliders_show_their_range_and_refused_parameters() -> None:
    form = AskForm(models=MODELS, initial={"model": "small", "without": ["response_format"]})

    found = {field.name: field for field in form.parameter_fields()}
    temperature, length = found["temperature"], found["max_tokens"]
    assert (temperature.low, temperature.high, temperature.step, temperature.default) == (0, 2, 0.1, 1)
    assert (length.low, length.high) == (1, 4096)
    assert [name for name, field in found.items() if field.left_out] == ["json"]
    assert [name for name, field in found.items() if field.main] == ["temperature", "max_tokens", "top_p"]
    assert 'form="playground-form"' in str(temperature.field)


def test_empty_parts_are_shown_with_the_rest() -> None:
    form = AskForm({"message": "Hello", "model": "small", "temperature": "", "seed": "x"}, models=MODELS)

    assert [*form.errors] == ["seed"]
    assert [each.name for each in form.parameter_fields()] == [*PARAMETERS]
    assert all('form="playground-form"' in str(each.field) for each in form.parameter_fields())


def test_a_completion_has_no_system_prompt_no_images_and_no_tools() -> None:
    form = AskForm(models=MODELS, kind="completion", form_id="")

    gone = {
        "attachments",
        "system",
        "json",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning_effort",
        "metadata",
    }
    assert not gone & form.fields.keys()
    assert {"message", "model", "temperature", "stop", "logit_bias"} <= form.fields.keys()
    assert "form=" not in str(form["temperature"])


class Skeleton(HTMLParser):
    """What a browser makes elements and attributes of, whatever the texts and values are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[str]]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, [name for name, _ in attrs]))


def pages_with(text: str) -> list[str]:
    """Return the form with the text in every place, as shown again and as refused."""
    models = [GatewayModel(name=text)]
    typed = {"message": text, "model": f"not {text}", "system": text, "tools": f"[{text}", "metadata": f"{text}\n="}
    files = MultiValueDict({"attachments": [SimpleUploadedFile(f"{text}.png", SVG)]})
    return [
        AskForm(models=models, initial={"model": text, "system": text, "stop": [text]}).as_div(),
        AskForm({**typed, "without": text, "temperature": text}, files, models=models).as_div(),
    ]


@pytest.mark.parametrize("attempt", CORPUS)
def test_typed_text_is_escaped(attempt: str) -> None:
    for page, harmless in zip(pages_with(attempt), pages_with("harmless"), strict=True):
        assert Skeleton(page).elements == Skeleton(harmless).elements
