"""Keys: create, look up, list, change, block, delete. The gateway is asked by token (hash) only, never by secret."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from gateway.errors import GatewayRejected, GatewayUnreadable
from gateway.parsing import Body, Fields, Moment, Money, Name, Whole, not_understood, read
from gateway.secret import Secret, token_of
from gateway.transport import Answer, Transport
from gateway.types import UNSET, IssuedKey, KeyInfo, Unset

PAGE_SIZE: Final = 100  # the gateway's limit
MAX_PAGES: Final = 10_000  # a gateway that never ends its list is broken
KEY_TYPE: Final = "llm_api"  # such a key can call models, and cannot make, change or delete keys

_TOKEN: Final = re.compile(r"[0-9a-f]{64}")
_DURATION: Final = re.compile(r"[1-9][0-9]{0,8}(s|m|h|d|w|mo)")


class Keys:
    """The verbs on keys, as admin."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def generate(
        self,
        *,
        user_id: str,
        alias: str,
        duration: str | None,
        budget_usd: Decimal | None,
        budget_duration: str | None,
        models: Sequence[str] | None,
        rpm_limit: int | None,
        tpm_limit: int | None,
        metadata: Mapping[str, object],
        secret: str | None = None,
        spend_usd: Decimal | None = None,
        team_id: str | None = None,
    ) -> IssuedKey:
        """Create a key that can only call models. None: no limit, never expires, all models (an empty list is refused).

        `duration` is like 45s 5400s 90m 12h 30d 2w 1mo. `spend_usd` counts towards the budget from the first call on
        (seen: a key made with 0.02 spent of 0.01 is refused at once), so a key can carry on where another stopped.
        The budget of the team `team_id` counts too. The gateway does not check whether that team exists; without
        it, each call of the key is refused (404).
        Not idempotent, but an alias is unique among live keys: a second call is GatewayRejected, param "key_alias".
        With a `secret` of our own that exists the gateway answers as if it had created the key, changing nothing: even
        alias and expiry in that answer are only the requested ones. `info` returns the stored ones.
        Raises GatewayUnavailable (`list(alias=…)` shows whether a key was made).
        """
        secret = None if secret is None else Secret(secret)  # so that no traceback shows it
        body = _settings(
            duration=duration,
            max_budget=budget_usd,
            budget_duration=budget_duration,
            models=_models(models) or None,  # absent means all, like the empty list
            rpm_limit=rpm_limit,
            tpm_limit=tpm_limit,
            key=secret,
            spend=spend_usd,
            team_id=team_id,
        )
        sent = {name: value for name, value in body.items() if value is not None}
        sent |= {"user_id": user_id, "key_alias": alias, "metadata": dict(metadata), "key_type": KEY_TYPE}
        return _issued(self._transport.post("/key/generate", sent))

    def renew(self, token: str, *, duration: str) -> KeyInfo:
        """Set the expiry to now + duration, also of a key that has expired; it works again at once.

        Secret, spend and the budget's reset date stay. Repeating is harmless. Raises GatewayNotFound.
        """
        return self.update(token, duration=duration)

    def update(
        self,
        token: str,
        *,
        alias: str | Unset = UNSET,
        duration: str | None | Unset = UNSET,
        budget_usd: Decimal | None | Unset = UNSET,
        budget_duration: str | None | Unset = UNSET,
        models: Sequence[str] | None | Unset = UNSET,
        rpm_limit: int | None | Unset = UNSET,
        tpm_limit: int | None | Unset = UNSET,
        metadata: Mapping[str, object] | Unset = UNSET,
        spend_usd: Decimal | Unset = UNSET,
        user_id: str | None | Unset = UNSET,
        team_id: str | None | Unset = UNSET,
    ) -> KeyInfo:
        """Change what is given and nothing else; None clears (no limit, never expires, all models).

        Metadata is replaced, not merged. A key joins a team only while it has no user, and
        leaves one (None) at any time. Raises GatewayNotFound (also for
        a missing team); a taken alias is GatewayRejected, param "key_alias".
        """
        body = _settings(
            key_alias=alias,
            duration=duration,
            max_budget=budget_usd,
            budget_duration=budget_duration,
            models=models if models is UNSET else _models(models),
            rpm_limit=rpm_limit,
            tpm_limit=tpm_limit,
            metadata=metadata if metadata is UNSET else dict(metadata),
            spend=spend_usd,
            user_id=user_id,
            team_id=team_id,
        )
        answer = self._transport.post("/key/update", {"key": checked_token(token), **body})
        return _key_info(read(answer.body, _KeyRow), token)

    def info(self, token: str) -> KeyInfo:
        """Look one key up; `.deleted` if it was. GatewayNotFound: never existed, or went with its deleted user."""
        answer = self._transport.get("/key/info", {"key": checked_token(token)})
        return _key_info(read(answer.body, _InfoAnswer).info, token)

    def list(
        self, *, user_id: str | None = None, alias: str | None = None, unreadable: list[str] | None = None
    ) -> Iterator[KeyInfo]:
        """Yield the live keys, blocked and expired ones too: all, of this user, or with exactly this alias.

        An invalid row (whoever can make keys can write any number into one) is skipped, and its token,
        "" if even that cannot be read, goes to `unreadable`; without that list it is GatewayUnreadable.
        In pages, sorted by token. Keys created or deleted meanwhile shift the pages, so that one may be missed or come
        twice: before acting on an absence, ask `info`.
        """
        asked = {"user_id": user_id, "key_alias": alias}
        query: dict[str, str | int] = {name: value for name, value in asked.items() if value is not None}
        query |= {"return_full_object": "true", "sort_by": "token", "sort_order": "asc", "size": PAGE_SIZE}
        for page in range(1, MAX_PAGES + 1):
            answer = self._transport.get("/key/list", {**query, "page": page})
            parsed = read(answer.body, _ListAnswer)
            yield from _readable(parsed.keys or [], unreadable)
            if not parsed.keys or page >= (parsed.total_pages or 0):
                return
        raise not_understood("its list of keys does not end")

    def delete(self, tokens: Sequence[str]) -> None:
        """Delete keys; they are refused from the next call on. Unknown ones are skipped.

        Raises GatewayNotFound if the gateway knew none of them.
        """
        if tokens:
            self._transport.post("/key/delete", {"keys": [checked_token(token) for token in tokens]})

    def block(self, token: str) -> KeyInfo:
        """Refuse the key's calls until unblocked. Repeating is harmless. Raises GatewayNotFound."""
        return self._switch("/key/block", token)

    def unblock(self, token: str) -> KeyInfo:
        """Accept the key's calls again. Repeating is harmless. Raises GatewayNotFound."""
        return self._switch("/key/unblock", token)

    def _switch(self, path: str, token: str) -> KeyInfo:
        return _key_info(read(self._transport.post(path, {"key": checked_token(token)}).body, _KeyRow), token)


class _IssuedRow(Body):
    """A key that was just created. Its expiry is required, and may be null: a missing one is not "never"."""

    key: Secret
    expires: Moment | None
    key_alias: str | None = None
    user_id: str | None = None
    team_id: str | None = None


class _KeyRow(Body):
    """A key in any other answer; the expiry is required here too."""

    expires: Moment | None
    token: Name | None = None
    key_alias: str | None = None
    key_name: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    created_at: Moment | None = None
    last_active: Moment | None = None
    blocked: bool | None = None
    status: Any = None
    deleted_at: Any = None
    models: tuple[Name, ...] | None = None
    allowed_routes: tuple[Name, ...] | None = None
    max_budget: Money | None = None
    budget_duration: str | None = None
    budget_reset_at: Moment | None = None
    spend: Money | None = None
    rpm_limit: Whole | None = None
    tpm_limit: Whole | None = None
    metadata: Fields = {}


class _InfoAnswer(Body):
    info: _KeyRow


class _ListAnswer(Body):
    keys: list[Any] | None  # rows, each of which may be invalid
    total_pages: Whole | None = None


def _issued(answer: Answer) -> IssuedKey:
    row = read(answer.body, _IssuedRow)
    return IssuedKey(
        secret=row.key,
        token=token_of(row.key),
        last_four=row.key[-4:],
        alias=row.key_alias,
        user_id=row.user_id,
        team_id=row.team_id,
        expires_at=row.expires,
        headers=answer.headers,
    )


def _key_info(row: _KeyRow, token: str | None = None) -> KeyInfo:
    """Return what a row says of a key; `token` where the row lacks it."""
    token = token or row.token
    if not token:
        raise not_understood("token is missing")
    return KeyInfo(
        token=token,
        alias=row.key_alias,
        key_name=row.key_name or "",
        last_four=(row.key_name or "")[-4:],
        user_id=row.user_id,
        team_id=row.team_id,
        expires_at=row.expires,
        created_at=row.created_at,
        last_active_at=row.last_active,
        blocked=row.blocked or False,
        deleted=row.status == "deleted" or row.deleted_at is not None,
        models=row.models or (),
        routes=row.allowed_routes or (),
        budget_usd=row.max_budget,
        budget_duration=row.budget_duration,
        budget_reset_at=row.budget_reset_at,
        spend_usd=row.spend or Decimal(0),
        rpm_limit=row.rpm_limit,
        tpm_limit=row.tpm_limit,
        metadata=row.metadata,
    )


def _readable(rows: Sequence[object], unreadable: list[str] | None) -> Iterator[KeyInfo]:
    """Yield the valid rows; record the others, or raise where no list for them was given."""
    for row in rows:
        try:
            yield _key_info(read(row, _KeyRow))
        except GatewayUnreadable:
            if unreadable is None:
                raise
            token = row.get("token") if isinstance(row, dict) else None
            unreadable.append(token if isinstance(token, str) and _TOKEN.fullmatch(token) else "")


def _settings(**settings: object) -> dict[str, object]:
    """Return the settings that are given, refusing durations that the gateway would answer with a 500."""
    for name in ("duration", "budget_duration"):
        value = settings[name]
        if isinstance(value, str) and not _DURATION.fullmatch(value):
            raise GatewayRejected(f"{name} must look like 90m, 30d or 1mo.", type="invalid_duration", param=name)
    return {name: value for name, value in settings.items() if value is not UNSET}


def _models(models: Sequence[str] | None) -> Sequence[str]:
    """Return these models as the gateway expects them. Its empty list means *all*, ours means none and is refused."""
    if models is not None and not models:
        raise GatewayRejected("An empty list of models would allow all; say None for that.", type="empty_models")
    return list(models or ())


def checked_token(token: str) -> str:
    """Accept only a token: a secret must never get into a URL, where every proxy logs it."""
    if not _TOKEN.fullmatch(token):
        raise GatewayRejected("A token is 64 hexadecimal digits.", type="invalid_token")
    return token
