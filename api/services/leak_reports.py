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

MOST: Final = 5000  # secrets in one report; GitHub sends many at once


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
    if not secret or not all(isinstance(value, str) for value in values):
        raise InvalidReport
    return Found(digest=token_of(secret), type=kind, where=where)


def take_report(report: list[Found], *, source: LeakReport.Source, actor: Actor) -> list[dict[str, str]]:
    """End each secret that is ours, and return GitHub's feedback: which were. A repeated report changes nothing.

    All of it is committed before the gateway is called about the first.
    """
    digests = {found.digest for found in report}
    tokens = keys.find_key_tokens(digests)
    access_tokens = {row.digest: row for row in AccessToken.objects.select_related("owner").filter(digest__in=digests)}
    ending = {}
    for found in report:
        leak = keys.Leak(digest=found.digest, source=source, where=found.where)
        if found.digest in tokens:
            key = keys.record_leak_of_token(tokens[found.digest], leak, actor)
            if key is not None:
                ending[key.pk] = key
        elif found.digest in access_tokens:
            _revoke(access_tokens[found.digest], leak, actor)
    keys.delete_leaked(ending.values(), actor)
    return [
        {
            "token_hash": found.digest,
            "token_type": found.type,
            "label": "true_positive" if found.digest in tokens or found.digest in access_tokens else "false_positive",
        }
        for found in report
    ]


def _revoke(access_token: AccessToken, leak: keys.Leak, actor: Actor) -> None:
    with transaction.atomic():
        keys.record_leak_of_access_token(access_token, leak)
        revoke_token(token=access_token, actor=actor)
