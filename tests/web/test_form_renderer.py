"""Inputs of forms: the same as by Django's templates."""

from typing import Any

from django import forms
from django.conf import settings
from django.forms.renderers import TemplatesSetting

from web.form_renderer import INPUTS, OPTIONS, FormRenderer

CHOICES = [("a", "A"), ("b", "<B>")]
WIDGETS: list[tuple[forms.Widget, Any, dict[str, Any]]] = [
    (forms.TextInput(), '"<&>', {"class": "form-control", "required": True, "title": 'a "b"'}),
    (forms.TextInput(), None, {"required": False}),
    (forms.NumberInput(), 0, {"step": 0.5}),
    (forms.EmailInput(), "a@b.example", {}),
    (forms.URLInput(), "https://a.example/?a=1&b=2", {}),
    (forms.PasswordInput(), "never shown", {}),
    (forms.HiddenInput(), 7, {}),
    (forms.MultipleHiddenInput(), ["a", "b"], {}),
    (forms.DateInput(), "2026-11-30", {}),
    (forms.CheckboxInput(), True, {}),
    (forms.CheckboxInput(), False, {"id": "agreed"}),
    (forms.RadioSelect(choices=CHOICES), "b", {"id": "id_kind"}),
    (forms.CheckboxSelectMultiple(choices=CHOICES), ["a"], {}),
    (forms.Select(choices=CHOICES), "b", {}),
    (forms.Textarea(), "<b>", {}),
]


def test_a_widget_is_that_of_django() -> None:
    ours, djangos = FormRenderer(), TemplatesSetting()
    for widget, value, attrs in WIDGETS:
        expected = widget.render('a "name"', value, attrs, renderer=djangos)
        assert widget.render('a "name"', value, attrs, renderer=ours) == expected, widget


def test_a_single_choice_is_that_of_django() -> None:
    class Chosen(forms.Form):
        kind = forms.ChoiceField(widget=forms.RadioSelect, choices=CHOICES)

    ours, djangos = Chosen(renderer=FormRenderer()), Chosen(renderer=TemplatesSetting())

    assert [each.tag() for each in ours["kind"]] == [each.tag() for each in djangos["kind"]]


def test_knows_no_template_that_the_portal_has_of_its_own() -> None:
    own = settings.BASE_DIR / "templates"

    assert [name for name in INPUTS | OPTIONS if (own / name).exists()] == []
