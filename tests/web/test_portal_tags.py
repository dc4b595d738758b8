"""The format of numbers, days and icons."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django import forms
from django.template import Context, Template
from django.utils import timezone, translation
from django.utils.safestring import mark_safe

from web.templatetags import portal
from web.templatetags.portal import NO_BREAK_SPACE, attributes


class Form(forms.Form):
    label = forms.CharField(help_text="What for?")
    mode = forms.ChoiceField(choices=[("a", "A")], required=False)


def rendered(text: str, **context: object) -> str:
    return Template("{% load portal %}" + text).render(Context(context))


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (Decimal(5), "5.00"),
        (Decimal("0.01"), "0.01"),
        (Decimal("0.005"), "0.0050"),
        (Decimal("0.0000042"), "0.0000042"),
        (Decimal("0.000004249"), "0.0000042"),
        (Decimal(0), "0.00"),
        (Decimal("1234567.891"), "1,234,567.89"),
        (Decimal("-1234.5"), "-1,234.50"),
        (Decimal("1E+27"), "1" + ",000" * 9 + ".00"),
        (Decimal("-123456789012345678901234567890.126"), "-123,456,789,012,345,678,901,234,567,890.13"),
        (Decimal("NaN"), "–"),
        (float("inf"), "–"),
        (1e300, "1.00E+300"),
        (0.25, "0.25"),
        (None, ""),
    ],
)
def test_writes_an_amount_with_the_digits_that_matter(amount: Decimal | float | None, words: str) -> None:
    assert portal.usd_number(amount) == words


def test_writes_the_unit_of_money_on_the_same_line() -> None:
    assert portal.usd(Decimal(5)) == "5.00\u00a0USD"
    assert portal.usd(None) == ""


def test_writes_numbers_in_the_language_of_the_page() -> None:
    with translation.override("fr"):
        assert portal.usd(Decimal("1234.5")) == "1\u00a0234,50\u00a0USD"


def test_groups_the_thousands_of_tokens() -> None:
    assert portal.tokens(131072) == "131,072"
    assert portal.tokens(0) == "0"
    assert portal.tokens(None) == ""


def test_writes_a_day() -> None:
    assert portal.day(date(2026, 11, 25)) == "25\u00a0Nov\u00a02026"
    assert portal.moment(datetime(2026, 11, 25, 10, 42, tzinfo=UTC)) == "25\u00a0Nov\u00a02026, 10:42"
    assert portal.day(None) == portal.moment(None) == ""


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (date(2026, 11, 25), "25 nov. 2026"),
        (date(2027, 1, 31), "31 jan. 2027"),
        (date(2027, 3, 2), "2 mars 2027"),
        (date(2026, 12, 1), "1er déc. 2026"),
    ],
)
def test_writes_a_day_in_french(when: date, words: str) -> None:
    with translation.override("fr"):
        assert portal.day(when).split(NO_BREAK_SPACE) == words.split()


def test_does_not_take_a_short_month_for_the_end_of_a_sentence() -> None:
    with translation.override("fr"):
        text = f"Renouvelée jusqu’au {portal.day(date(2026, 11, 25))}. Rien ne change."

    assert portal.other_sentences(text) == "Rien ne change."


@pytest.mark.parametrize(
    ("days", "words"),
    [(0, "today"), (1, "tomorrow"), (-1, "yesterday"), (12, "in 12 days"), (-2, "2 days ago")],
)
def test_says_how_far_away_a_day_is(days: int, words: str) -> None:
    assert portal.days_left(timezone.localdate() + timedelta(days=days)) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "just now"),
        (1, "1 minute ago"),
        (47, "47 minutes ago"),
        (60, "1 hour ago"),
        (150, "2 hours ago"),
        (3 * 24 * 60, "3 days ago"),
    ],
)
def test_says_how_long_ago_a_moment_was(minutes: int, words: str) -> None:
    assert portal.ago(timezone.now() - timedelta(minutes=minutes, seconds=5)) == words


def test_says_never_of_what_did_not_happen() -> None:
    assert portal.ago(None) == "never"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=21, minutes=14), "21 h 14 min"),
        (timedelta(hours=24), "24 h"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(seconds=1), "1 min"),
        (timedelta(hours=-1), "0 min"),
    ],
)
def test_says_how_much_time_is_left_rounded_up(left: timedelta, words: str) -> None:
    until = timezone.now() + left

    assert portal.time_left(until).replace("\u00a0", " ") == words


def test_writes_a_moment_for_machines() -> None:
    assert portal.iso(datetime(2026, 11, 25, 10, 42, 7, 9, tzinfo=UTC)) == "2026-11-25T10:42:07+00:00"


def test_says_when_a_budget_is_full_again() -> None:
    assert portal.a_period("30d") == "a month"
    assert portal.resets("30d") == "resets on the 1st (UTC)"
    assert portal.a_period("45d") == "per 45d"
    assert portal.resets("45d") == portal.a_period("") == ""


@pytest.mark.parametrize(
    ("zone", "period", "expected"),
    [
        ("Asia/Kolkata", "1d", "resets every day at 05:30 (Kolkata)"),
        ("Asia/Kolkata", "7d", "resets every Monday at 05:30 (Kolkata)"),
        ("Asia/Kolkata", "30d", "resets on the 1st at 05:30 (Kolkata)"),
        ("America/Lima", "7d", "resets every Sunday at 19:00 (Lima)"),
        ("America/Lima", "30d", "resets on the last day of the month at 19:00 (Lima)"),
        ("Africa/Abidjan", "1d", "resets at midnight (UTC)"),
    ],
)
def test_says_in_the_readers_time_zone_when_a_budget_is_full_again(zone: str, period: str, expected: str) -> None:
    with timezone.override(zone):
        assert portal.resets(period) == expected


@pytest.mark.parametrize(("name", "letters"), [("Staff B", "SB"), ("intern", "I"), ("a.b-c", "AC"), ("", "")])
def test_takes_the_initials_of_a_name(name: str, letters: str) -> None:
    assert portal.initials(name) == letters


def test_keeps_a_mode_or_a_feature_that_it_does_not_know() -> None:
    assert portal.mode_words("embedding") == "Embeddings"
    assert portal.mode_words("telepathy") == "telepathy"
    assert portal.feature_words("vision") == "images"
    assert portal.feature_words("smell") == "smell"


def test_splits_off_the_first_sentence() -> None:
    text = "You have 3 keys. Delete one. Or two."

    assert portal.first_sentence(text) == "You have 3 keys."
    assert portal.other_sentences(text) == "Delete one. Or two."
    assert portal.first_sentence("One.") == "One."
    assert portal.other_sentences("One.") == ""


def test_icons_are_hidden_from_screen_readers() -> None:
    drawn = rendered('{% icon "check" %}')

    assert 'aria-hidden="true"' in drawn
    assert "img/icons" in drawn
    assert '#check"' in drawn


def test_escapes_the_name_of_an_icon() -> None:
    assert "<b>" not in rendered("{% icon name %}", name="<b>")


def test_gives_a_field_the_css_class_of_its_kind() -> None:
    form = Form()

    assert 'class="form-control"' in rendered("{% control form.label %}", form=form)
    assert 'class="form-select"' in rendered("{% control form.mode %}", form=form)
    assert 'placeholder="thesis"' in rendered('{% control form.label placeholder="thesis" %}', form=form)
    assert "placeholder" not in rendered("{% control form.label placeholder=nothing %}", form=form)


def test_links_a_refused_field_to_its_hint_and_error() -> None:
    form = Form({})
    field = Template('{% include "_field.html" with field=form.label %}').render(Context({"form": form}))

    assert 'class="form-control is-invalid"' in field
    assert 'aria-invalid="true"' in field
    assert 'aria-describedby="id_label_helptext id_label_error"' in field
    assert 'id="id_label_helptext"' in field
    assert 'id="id_label_error"' in field


def test_the_error_summary_links_to_the_fields() -> None:
    summary = Template('{% include "_form_errors.html" %}').render(Context({"form": Form({})}))

    assert 'role="alert"' in summary
    assert "autofocus" in summary
    assert 'href="#id_label"' in summary


def test_says_nothing_of_a_form_that_was_not_refused() -> None:
    assert Template('{% include "_form_errors.html" %}').render(Context({"form": Form()})).strip() == ""


def test_names_each_language_in_that_language() -> None:
    assert portal.languages() == [("en", "English"), ("fr", "Français")]


@pytest.mark.parametrize(
    ("zone", "language", "expected"),
    [
        ("UTC", "en", "Days are counted in UTC."),
        ("Africa/Abidjan", "fr", "Les jours sont comptés en UTC."),
        ("America/New_York", "en", r"Days are counted in UTC \((19|20):00 in New York\)\."),
        ("Asia/Kolkata", "fr", "Les jours sont comptés en UTC \\(05\u00a0h\u00a030 à Kolkata\\)\\."),
    ],
)
def test_says_when_a_day_of_the_gateway_begins_here(zone: str, language: str, expected: str) -> None:
    with timezone.override(zone), translation.override(language):
        assert re.fullmatch(expected, portal.utc_days())


def test_writes_attributes_of_a_widget_as_django_does() -> None:
    attrs: dict[str, object] = {"id": "a", "required": True, "disabled": False, "max": 10_000, "title": 'say "<b>"'}
    attrs["placeholder"] = mark_safe("&amp;")
    theirs = Path(forms.__path__[0]) / "templates/django/forms/widgets/attrs.html"

    expected = Template(theirs.read_text()).render(Context({"widget": {"attrs": attrs}}))

    assert attributes(attrs) == expected
    assert expected in forms.TextInput(attrs).render("name", None)
