"""Reports of leaked secrets by verified reporters: gateway keys, access tokens and SCIM tokens are ended (ADR 51)."""

import json
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.models import AccessToken, ScimClient
from accounts.scim_clients import clients_with, end_secret
from accounts.tokens import revoke_token
from gateway.secret import SCIM_PREFIX, token_of
from keys import services as keys
from keys.models import LeakReport

MOST: Final = 5000  # secrets in one report; GitHub sends many at once


class InvalidReport(Exception):
    """The body is no list of reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One secret of a report: its hash, what the reporter calls it, where it was, and whether it looks like SCIM's."""

    digest: str
    last_four: str
    type: str
    where: str
    is_for_scim: bool


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
    return Found(
        digest=token_of(secret),
        last_four=secret[-4:],
        type=kind,
        where=where,
        is_for_scim=secret.startswith(SCIM_PREFIX),
    )


def take_report(report: list[Found], *, source: LeakReport.Source, actor: Actor) -> list[dict[str, str]]:
    """End each secret that is ours, and return GitHub's feedback: which were. A repeated report changes nothing.

    All of it is committed before the gateway is called about the first.
    """
    digests = {found.digest for found in report}
    tokens = keys.find_key_tokens(digests)
    access_tokens = {row.digest: row for row in AccessToken.objects.select_related("owner").filter(digest__in=digests)}
    scim_clients = _scim_clients(report)
    ours = {*tokens, *access_tokens, *scim_clients}
    ending = {}
    for found in report:
        leak = keys.Leak(digest=found.digest, source=source, where=found.where, last_four=found.last_four)
        if found.digest in tokens:
            key = keys.record_leak_of_token(tokens[found.digest], leak, actor)
            if key is not None:
                ending[key.pk] = key
        elif found.digest in access_tokens:
            _revoke(access_tokens[found.digest], leak, actor)
        elif found.digest in scim_clients:
            _end_scim_token(scim_clients[found.digest], leak, actor)
    keys.delete_leaked(ending.values(), actor)
    return [
        {
            "token_hash": found.digest,
            "token_type": found.type,
            "label": "true_positive" if found.digest in ours else "false_positive",
        }
        for found in report
    ]


def _revoke(access_token: AccessToken, leak: keys.Leak, actor: Actor) -> None:
    with transaction.atomic():
        keys.record_leak_of_access_token(access_token, leak)
        revoke_token(token=access_token, actor=actor)


def _scim_clients(report: list[Found]) -> dict[str, ScimClient]:
    """Return the clients of SCIM tokens by digest. A replaced token that was reported before has only its report left.

    No query where nothing of the report looks like one.
    """
    digests = {found.digest for found in report if found.is_for_scim}
    return {**keys.find_reported_scim_tokens(digests), **clients_with(digests)} if digests else {}


def _end_scim_token(client: ScimClient, leak: keys.Leak, actor: Actor) -> None:
    with transaction.atomic():
        if keys.record_leak_of_scim_token(client, leak):
            end_secret(client=client, digest=leak.digest, actor=actor)
