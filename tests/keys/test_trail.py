"""The audit trail of a key: stored as codes and values, read in the reader's language."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

from accounts.audit import BY_THE_PORTAL, Actor
from accounts.audit_words import words_of
from accounts.models import AuditAction, AuditEntry, AuditOutcome, User
from gateway.errors import (
    GatewayAdminKeyRefused,
    GatewayModelDenied,
    GatewayRejected,
    GatewayUnavailable,
    GatewayUnreadable,
)
from keys import services
from keys.models import Key
from keys.services.refusals import REASONS, KeyRefused
from keys.services.trail import WORDS, audit
from tests.keys.actions import BY_TEST, again, issue
from tests.sandbox_process import Sandbox

VALUES = {
    "live": 3,
    "most": 2,
    "limit": 60,
    "minutes": 5,
    "when": "2026-12-24T10:00:00+00:00",
    "stopped": False,
    "expires_at": None,
    "blocked": True,
    "before": "2026-12-24",
    "after": None,
    "changes": {"account": [], "name": [], "expires_at": [None, "2026-12-24T10:00:00+00:00"]},
    "label": "mémoire",
    "group": "Vision",
    "first_day": "2026-12-01",
    "message": "400 bad_request no such model",
    "type": "KeyError",
}


def in_language(entry: AuditEntry, language: str) -> str:
    with translation.override(language):
        return entry.remark.replace("\u00a0", " ")


def test_a_refusal_that_somebody_got_in_french_is_read_in_english(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern)

    with translation.override("fr"), pytest.raises(KeyRefused, match="Cette clé pourra être renouvelée"):
        services.renew_key(key=again(fresh.key), actor=Actor(user=intern))

    entry = AuditEntry.objects.get(outcome="refused")
    assert entry.code == "refused.too_early"
    assert in_language(entry, "en").startswith("This key can be renewed from ")
    assert in_language(entry, "fr").startswith("Cette clé pourra être renouvelée à partir du ")


def test_a_change_that_was_made_in_english_is_read_in_french(intern: User, sandbox: Sandbox) -> None:
    fresh = issue(intern, "thesis")

    services.relabel_key(key=again(fresh.key), label="dissertation", actor=BY_TEST)

    entry = AuditEntry.objects.get(action="relabel")
    assert in_language(entry, "fr") == "avant : thesis"
    assert in_language(entry, "en") == "before: thesis"


def test_no_sentence_is_stored(intern: User, sandbox: Sandbox) -> None:
    """Every text in the values is a date, a label, or what the gateway itself said."""
    key = issue(intern).key
    for error in (
        GatewayUnavailable("The gateway said that it had deleted a key, and still has it."),
        GatewayUnavailable("The gateway could not be reached.", may_have_happened=False),
        GatewayUnreadable("The answer is no JSON."),
        GatewayAdminKeyRefused("The gateway does not accept the portal's own key."),
    ):
        audit(BY_THE_PORTAL, AuditAction.DELETE, AuditOutcome.UNKNOWN, key, error)

    assert set(AuditEntry.objects.exclude(code="").values_list("code", flat=True)) == {
        "gateway.answer_lost",
        "gateway.unreachable",
        "gateway.unreadable",
        "gateway.admin_key_refused",
    }
    assert all(details == {} for details in AuditEntry.objects.values_list("details", flat=True))


def test_what_the_gateway_said_is_kept_without_secrets_and_addresses(intern: User) -> None:
    said = "Team not found for sk-0123456789abcdef0123 at http://10.1.2.3:4000/x"

    audit(BY_THE_PORTAL, AuditAction.LIMIT, AuditOutcome.FAILED, Key(owner=intern), GatewayRejected(said, status=400))

    entry = AuditEntry.objects.get()
    assert "sk-0123" not in str(entry.details)
    assert "10.1.2.3" not in str(entry.details)
    assert in_language(entry, "fr").startswith("La passerelle a refusé : 400 Team not found")


@pytest.mark.parametrize("error", [GatewayModelDenied("no", status=403), ValueError("boom"), KeyRefused("gone")])
def test_every_kind_of_error_has_words(intern: User, error: Exception) -> None:
    audit(BY_THE_PORTAL, AuditAction.RENEW, AuditOutcome.FAILED, Key(owner=intern), error)

    entry = AuditEntry.objects.get()
    assert entry.remark not in ("", entry.code)
    assert in_language(entry, "fr") != in_language(entry, "en")


def test_every_code_has_words_in_both_languages() -> None:
    for code in [*WORDS, *(f"refused.{reason}" for reason in REASONS)]:
        with translation.override("en"):
            english = words_of(code, VALUES)
        with translation.override("fr"):
            french = words_of(code, VALUES)
        assert english != french, code
        assert english != code
        assert "%(" not in english + french, code


def test_every_code_that_is_written_has_words() -> None:
    """Of the calls in the code: KeyRefused("…"), audit(…, "…") and audit_intern(…, "…")."""
    known = {*WORDS, *REASONS, ""}
    for path in (Path(settings.BASE_DIR) / "keys").rglob("*.py"):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            place = {"KeyRefused": 0, "audit": 4, "audit_intern": 4}.get(name)
            if place is not None and len(call.args) > place:
                codes = {node.value for node in ast.walk(call.args[place]) if isinstance(node, ast.Constant)}
                assert {code for code in codes if isinstance(code, str)} <= known, path


def test_values_that_were_blanked_leave_a_sentence(intern: User) -> None:
    entry = AuditEntry(action="relabel", outcome="done", code="label_before", details={})

    assert re.fullmatch("before: …", in_language(entry, "en"))
