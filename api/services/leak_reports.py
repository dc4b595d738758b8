"""Reports of leaked secrets by verified reporters: gateway keys and access tokens are ended (ADR 51)."""

import json
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import AccessToken
from accounts.tokens import revoke_token
from gateway.secret import token_of
from keys import services as keys
from keys.models import LeakReport

MOST: Final = 200  # secrets in one report
LONGEST: Final = 2000  # characters of a value


class InvalidReport(Exception):
    """The body is no list of reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One secret of a report: its hash, what the reporter calls it, and where it was."""

    digest: str
    type: str
    where: str


@sensitive_variables()
def read_report(body: bytes) -> list[Found]:
    """Parse a list in the format of GitHub's secret scanning. Raises InvalidReport."""
    try:
        rows = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidReport from error
    if not isinstance(rows, list) or len(rows) > MOST:
        raise InvalidReport
    return [_found(row) for row in rows]


@sensitive_variables()
def _found(row: Any) -> Found:
    if not isinstance(row, dict):
        raise InvalidReport
    secret, kind, where = (row.get(name) or "" for name in ("token", "type", "url"))
    values = (secret, kind, where)
    if not secret or not all(isinstance(value, str) and len(value) <= LONGEST for value in values):
        raise InvalidReport
    return Found(digest=token_of(secret), type=kind, where=where)


def take_report(report: list[Found], *, source: LeakReport.Source, actor: Actor) -> list[dict[str, str]]:
    """End each secret that is ours, and return GitHub's feedback: which were. A repeated report changes nothing."""
    return [
        {
            "token_hash": found.digest,
            "token_type": found.type,
            "label": "true_positive" if _end(found, source, actor) else "false_positive",
        }
        for found in report
    ]


def _end(found: Found, source: LeakReport.Source, actor: Actor) -> bool:
    """End the secret if it is ours; tell whether it is, or was."""
    leak = keys.Leak(digest=found.digest, source=source, where=found.where)
    token = keys.find_key_token(leak)
    if token is not None:
        keys.end_leaked_token(token, leak, actor)
        return True
    access_token = AccessToken.objects.select_related("owner").filter(digest=found.digest).first()
    if access_token is None:
        return False
    with transaction.atomic():
        keys.record_leak_of_access_token(access_token, leak)
        revoke_token(token=access_token, actor=actor)
    return True
