"""Forms about keys: invalid input is cleaned or refused with a message; stored input fits every database."""

import unicodedata
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from accounts.models import User
from accounts.policies import policy_of
from keys.budget_days import portal_today
from keys.forms import InternForm, KeyForm, LabelForm, StayForm, refuse_day
from keys.models import Intern

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
ZWNJ_WORD = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # Persian, whose words need the joiner
REFUSED = {
    "NUL": "the\0sis",
    "escape": "the\x1bsis",
    "bidi override": "the\u202esis",
    "bidi isolate": "the\u2066sis",
    "zero-width space": "the\u200bsis",
    "byte order mark": "\ufeffthesis",
    "lone surrogate": "the\ud800sis",
    "private use": "the\ue000sis",
    "tag letters": "the\U000e0074sis",
    "joiners alone": "\u200d\u200c\u200d",
    "fillers alone": "\u3164\u2800 \u115f",
}
KEPT = {
    "emoji with joiners": FAMILY,
    "right to left": "أطروحة",
    "zero-width non-joiner": ZWNJ_WORD,
    "HTML": "<script>alert(1)</script>",
    "template": "{{ 7 }}{% debug %}",
    "SQL": "'; DROP TABLE keys_key; --",
    "format": "%s %(label)s {0}",
    "slashes": "../../etc",
    "mathematical": "𝔱𝔥𝔢𝔰𝔦𝔰",
}


def label_form(label: Any) -> LabelForm:
    return LabelForm({"label": label})


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_what_hides_or_reorders_text(name: str) -> None:
    form = label_form(REFUSED[name])

    assert not form.is_valid()
    assert list(form.errors) == ["label"]


@pytest.mark.parametrize("name", KEPT)
def test_keeps_what_people_write(name: str) -> None:
    form = label_form(KEPT[name])

    assert form.is_valid(), form.errors
    assert form.cleaned_data["label"] == unicodedata.normalize("NFC", KEPT[name])


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("  the \t\n sis ", "the sis"), ("cafe\u0301", "café"), ("a\u00a0b", "a b"), ("a\u2028b", "a b")],
)
def test_folds_white_space_and_normalises(typed: str, kept: str) -> None:
    form = label_form(typed)

    assert form.is_valid()
    assert form.cleaned_data["label"] == kept


@pytest.mark.parametrize("label", ["x" * 61, "x" * 10_000, "\ufb2c" * 21])
def test_refuses_what_is_too_long_for_the_row_once_cleaned(label: str) -> None:
    form = label_form(label)

    assert not form.is_valid()
    assert "at most 60 characters" in str(form.errors["label"])


def test_white_space_does_not_count() -> None:
    assert label_form(" " * 500 + "x" * 60 + "\n" * 500).is_valid()


@pytest.mark.parametrize("label", [None, "", " ", "\u00a0\u2003"])
def test_asks_for_a_label(label: str | None) -> None:
    form = label_form(label)

    assert not form.is_valid()
    assert "Say what the key is for" in str(form.errors["label"])


# --- The form for a new key -----------------------------------------------------------------------
def key_form(user: User, **more: Any) -> KeyForm:
    return KeyForm({"label": "thesis", "kind": "temporary", **more}, owner=user, allowance=policy_of(user))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stay_ends_on", "2026-02-30"),
        ("stay_ends_on", "tomorrow"),
        ("stay_ends_on", "0001-01-01"),
        ("stay_ends_on", "99999-01-01"),
        ("stay_ends_on", "2026-01-01\0"),
        ("intern_email", "a@" + "b" * 300 + ".example"),
        ("intern_email", "a" * 250 + "@example.edu"),
        ("intern_email", "a\n@example.edu"),
        ("intern_name", "x" * 101),
        ("intern_name", "Intern\u202eA"),
        ("request_id", "not-an-id"),
        ("kind", "admin"),
    ],
)
def test_refuses_bad_values_at_their_field(staff: User, field: str, value: str) -> None:
    form = key_form(staff, **{"intern_name": "Intern A", field: value})

    assert not form.is_valid()
    assert field in form.errors


def test_name_and_address_of_an_intern_fill_their_columns_and_no_more(staff: User) -> None:
    of_intern, of_key = InternForm().fields, key_form(staff).fields

    for name in ("name", "email"):
        fields = Intern._meta.get_field(name), of_intern[name], of_key[f"intern_{name}"]
        assert len({vars(field)["max_length"] for field in fields}) == 1, name


def test_the_last_day_of_a_stay_may_be_today_and_not_yesterday(staff: User) -> None:
    today = datetime.now(UTC).date()

    assert key_form(staff, intern_name="Intern A", stay_ends_on=today.isoformat()).is_valid()
    assert not key_form(staff, intern_name="Intern A", stay_ends_on=str(today - timedelta(days=1))).is_valid()


def test_a_last_day_may_be_today_or_as_far_away_as_allowed() -> None:
    codes = []
    for days in (-1, 0, 7, 8):
        try:
            refuse_day(portal_today() + timedelta(days=days), longest_days=7, far="That is too far away.")
            codes.append("")
        except ValidationError as error:
            codes.append(str(error.code))

    assert codes == ["past", "", "", "far"]


def test_a_day_reaches_the_browser_in_every_language() -> None:
    for language in ("en", "fr"):
        with override(language):
            field = str(StayForm(initial={"stay_ends_on": date(2026, 12, 6)})["stay_ends_on"])
            assert 'type="date"' in field
            assert 'value="2026-12-06"' in field


def test_offers_the_kinds_of_the_policy_with_their_lifetimes(intern: User, staff: User) -> None:
    both = KeyForm(owner=staff, allowance=policy_of(staff)).fields["kind"]
    one = KeyForm(owner=intern, allowance=policy_of(intern)).fields["kind"]

    assert [str(text) for _, text in both.choices] == ["Personal · 365 days", "Temporary · 30 days"]  # type: ignore[attr-defined]
    assert one.widget.is_hidden
    assert key_form(intern, kind="").is_valid()


def test_each_form_has_a_request_of_its_own(staff: User) -> None:
    ids = {KeyForm(owner=staff, allowance=policy_of(staff)).initial["request_id"] for _ in range(3)}

    assert len(ids) == 3
    assert all(isinstance(request_id, uuid.UUID) for request_id in ids)
