"""A key's state in words: each has one, the most urgent first, and none relies on colour alone."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from accounts.models import User
from keys.models import Key, Token
from keys.status import WORDS, distance, status_of

A_DAY = timedelta(days=1)


def make(owner: User, *tokens: str, **fields: object) -> Key:
    """Make a row, with tokens in these states."""
    fields = {
        "kind": Key.Kind.TEMPORARY,
        "state": Key.State.ACTIVE,
        "created_at": timezone.now() - 20 * A_DAY,
        "expires_at": timezone.now() + 20 * A_DAY,
        **fields,
    }
    key = Key.objects.create(owner=owner, label="thesis", **fields)
    for state in tokens:
        Token.objects.create(key=key, state=state, retires_at=timezone.now() + A_DAY)
    return Key.objects.prefetch_related("tokens").get(pk=key.pk)


@pytest.mark.parametrize(
    ("code", "fields", "tokens"),
    [
        ("active", {}, ["live"]),
        ("expires_soon", {"expires_at": 6 * A_DAY}, ["live"]),
        ("expired", {"expires_at": -A_DAY}, ["live"]),
        ("replacing", {}, ["live", "retiring"]),
        ("replacing", {"expires_at": 6 * A_DAY}, ["live", "retiring"]),
        ("expired", {"expires_at": -A_DAY}, ["live", "retiring"]),
        ("blocked", {"blocked": True, "expires_at": -A_DAY}, ["live", "retiring"]),
        ("issuing", {"state": "issuing", "expires_at": None}, ["issuing"]),
        ("deleting", {"state": "deleting", "blocked": True}, ["deleting"]),
        ("deleted", {"state": "deleted"}, ["deleted"]),
        ("failed", {"state": "failed"}, ["lost"]),
        ("external", {"kind": "external"}, ["live"]),
        ("blocked", {"kind": "external", "blocked": True}, ["live"]),
        ("active", {"expires_at": None}, ["live"]),
    ],
)
def test_the_most_urgent_state_comes_first(
    intern: User, code: str, fields: dict[str, object], tokens: list[str]
) -> None:
    if isinstance(fields.get("expires_at"), timedelta):
        fields = {**fields, "expires_at": timezone.now() + fields["expires_at"]}  # type: ignore[operator]  # a timedelta

    status = status_of(make(intern, *tokens, **fields))

    assert status.code == code
    assert status.word
    assert status.icon


def test_a_lost_answer_is_an_unknown_outcome(intern: User) -> None:
    key = make(intern, "issuing", state="issuing")
    Token.objects.update(answer_lost=True)

    status = status_of(Key.objects.prefetch_related("tokens").get(pk=key.pk))

    assert status.code == "unknown"
    assert status.needs_owner


def test_states_differ_in_word_and_icon_too() -> None:
    looks = {(str(word), icon) for word, icon, _ in WORDS.values()}

    assert len(looks) == len(WORDS)


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (30 * A_DAY, "in 30 days"),
        (2 * A_DAY, "in 2 days"),
        (timedelta(hours=25), "in 25 hours"),
        (timedelta(hours=1), "in 1 hour"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(seconds=-10), "0 minutes ago"),
        (timedelta(hours=-3), "3 hours ago"),
        (-A_DAY * 2, "2 days ago"),
    ],
)
def test_says_how_soon_a_key_expires(off: timedelta, words: str) -> None:
    with translation.override("en"):
        assert distance(timezone.now() + off + timedelta(seconds=0.5)) == words


@pytest.mark.parametrize("state", Key.State.values)
def test_every_state_has_a_sentence(intern: User, state: str) -> None:
    key = make(intern, state=state, ended_at=timezone.now(), problem=Key.Problem.GONE)

    assert status_of(key).sentence


def test_an_expired_key_says_until_when_it_can_be_renewed(intern: User) -> None:
    sentence = status_of(make(intern, "live", expires_at=timezone.now() - A_DAY)).sentence

    assert "Can be renewed until" in sentence


def test_a_key_without_an_end_says_so(intern: User) -> None:
    assert status_of(make(intern, "live", expires_at=None)).sentence == "never expires"
