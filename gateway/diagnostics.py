"""Checks a gateway for its operator: each step says what it found, and on failure what to do. Leaves nothing behind."""

import secrets
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.client import Gateway
from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.secret import Secret, token_of
from gateway.types import IssuedKey, KeyInfo

PROBE_LIFETIMES_DAYS: Final = (30, 7)  # as the portal asks for: LiteLLM 1.80.11 ends them with the month, the week
LIFETIME_TOLERANCE: Final = 0.1  # of the lifetime that was asked for
MAX_SKEW_S: Final = 5.0  # more, and expiry dates on our pages are visibly wrong
_USER_ID: Final = "passerelle-check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome of one check; `advice` is empty where all is well."""

    ok: bool
    text: str
    advice: str = ""


def _good(text: str) -> Finding:
    return Finding(ok=True, text=text)


def _bad(text: str, advice: str) -> Finding:
    return Finding(ok=False, text=text, advice=advice)


def examine(gateway: Gateway) -> Generator[Finding]:
    """Yield the findings in order; stop after one that makes the next pointless."""
    for check in (_reachable, _healthy, _admin_key, _models):
        finding = check(gateway)
        yield finding
        if not finding.ok and check in (_reachable, _admin_key):
            return
    yield _teams(gateway)
    yield from _probes(gateway)


def _reachable(gateway: Gateway) -> Finding:
    try:
        gateway.health.liveness()
    except GatewayError as error:
        return _bad(f"No gateway answers at {gateway.base_url}. {error}", _advice_to_reach_it(str(error)))
    return _good(f"A gateway answers at {gateway.base_url}.")


def _advice_to_reach_it(problem: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in problem or "certificate" in problem:
        return "Set GATEWAY_CA_FILE to the certificate (PEM) of the authority that signed the gateway's."
    if "proxy" in problem:
        return "Correct GATEWAY_PROXY_URL (http://host:port), or ask who runs the proxy to let the portal through."
    advice = "Start it, or correct GATEWAY_URL (with any path prefix, without /v1); try it with curl from here."
    return f"{advice} If it is reached through an outgoing proxy only, set GATEWAY_PROXY_URL."


def _healthy(gateway: Gateway) -> Finding:
    try:
        readiness = gateway.health.readiness()
    except GatewayError as error:
        return _bad(f"The gateway is not ready. {error}", "Look at its log; most often its database is away.")
    if readiness.db not in (None, "connected"):
        return _bad(f"The gateway's database is: {readiness.db}.", "Keys need a database: set LiteLLM's DATABASE_URL.")
    return _good(f"The gateway is {readiness.status}.")


def _admin_key(gateway: Gateway) -> Finding:
    try:
        next(gateway.keys.list(), None)
    except GatewayRejected as error:
        reported = error.reported if isinstance(error, GatewayAdminKeyRefused) else str(error)
        advice = "Set GATEWAY_ADMIN_KEY to LiteLLM's master key, or to a key of a proxy admin."
        return _bad(f"The gateway refuses our admin key. {reported}", advice)
    except GatewayError as error:
        return _bad(f"The gateway cannot list its keys. {error}", "Look at its log.")
    return _good(f"The gateway accepts our admin key and is LiteLLM {_version(gateway) or 'of unknown version'}.")


def _version(gateway: Gateway) -> str | None:
    """Return LiteLLM's version; older ones lack the route, or tell it to everybody."""
    try:
        return gateway.health.details().version
    except GatewayError:
        return None


def _models(gateway: Gateway) -> Finding:
    try:
        names = gateway.models.names()
    except GatewayError as error:
        return _bad(f"The gateway cannot list its models. {error}", "Look at its log.")
    if not names:
        return _bad("The gateway has no models.", "Add some to its model_list; nobody can call anything yet.")
    return _good(f"Models found: {', '.join(names)}.")


def _teams(gateway: Gateway) -> Finding:
    """Check that the gateway has teams, by asking for one that does not exist; creates nothing."""
    advice = (
        "Use a LiteLLM that has /team/new, and let our admin key and any proxy in between reach it. Until then the "
        "portal blocks the keys of whoever has passed their budget itself, after the next poll of their usage."
    )
    try:
        gateway.people.update_team(f"{_USER_ID}-{secrets.token_hex(8)}")
    except GatewayNotFound:
        return _good("The gateway has teams, so one budget can hold over all keys of a person.")
    except GatewayError as error:
        return _bad(f"The gateway has no teams for us, so a person's budget cannot hold. {error}", advice)
    return _bad("The gateway has a team that nobody made.", advice)


def _probes(gateway: Gateway) -> Iterator[Finding]:
    """Create keys as the portal does, inspect them, and always delete them."""
    aliases = [f"passerelle-check-{secrets.token_hex(8)}" for _ in range(2)]
    custom = Secret(f"sk-{secrets.token_urlsafe(32)}")
    try:
        yield from _keys_of_the_gateway(gateway, aliases[0])
        yield from _custom_key(gateway, aliases[1], custom)
    finally:
        left = _clean_up(gateway, aliases, token_of(custom))
    yield left


def _keys_of_the_gateway(gateway: Gateway, alias: str) -> Iterator[Finding]:
    began = time.time()
    try:
        issued = _probe(gateway, alias, PROBE_LIFETIMES_DAYS[0])
    except GatewayRejected as error:
        yield _bad(f"Our admin key may not make keys. {error}", "Give it the role proxy_admin, or use the master key.")
        return
    except GatewayUnavailable as error:
        yield _bad(f"The gateway could not make a key. {error}", "Look at its log; try again.")
        return
    ended = time.time()
    yield _good("Our admin key may make keys.")
    try:
        info = gateway.keys.info(issued.token)
    except GatewayError as error:
        yield _bad(f"The gateway cannot show the key that it made. {error}", "Look at its log.")
        return
    lifetime = _lifetime(gateway, issued, info.created_at, PROBE_LIFETIMES_DAYS[0])
    yield lifetime
    if lifetime.ok:
        yield _clock(issued, info.created_at, began, ended)
    yield _confined(info)


def _probe(gateway: Gateway, alias: str, lifetime_days: int, secret: Secret | None = None) -> IssuedKey:
    return gateway.keys.generate(
        user_id=_USER_ID,
        alias=alias,
        duration=f"{lifetime_days}d",
        budget_usd=None,
        budget_duration=None,
        models=None,
        rpm_limit=None,
        tpm_limit=None,
        metadata={},
        secret=secret,
    )


def _lifetime(gateway: Gateway, issued: IssuedKey, created_at: datetime | None, asked_days: int) -> Finding:
    """Compare the lifetime that the gateway gave a probe with the requested one."""
    advice = "Use a LiteLLM that does (1.106.2 is known to). Until then the portal refuses to make keys."
    if issued.expires_at is None:
        return _bad(f"{_name(gateway)} makes keys that never expire.", advice)
    got_days = (issued.expires_at - (created_at or datetime.now(UTC))) / timedelta(days=1)
    if abs(got_days - asked_days) > asked_days * LIFETIME_TOLERANCE:
        measured = f"a key for {asked_days} days got {got_days:.1f}"
        return _bad(f"{_name(gateway)} does not keep the lifetime that it is asked for: {measured}.", advice)
    return _good("The gateway gives keys the lifetime that it is asked for.")


def _name(gateway: Gateway) -> str:
    return f"LiteLLM {_version(gateway) or 'of unknown version'}"


def _clock(issued: IssuedKey, created_at: datetime | None, began: float, ended: float) -> Finding:
    """Compare clocks by the time at which the gateway says that it created the probe, or by the probe's expiry."""
    ends_at = issued.expires_at or datetime.now(UTC)
    theirs = created_at or ends_at - timedelta(days=PROBE_LIFETIMES_DAYS[0])
    skew_s = (theirs - datetime.fromtimestamp((began + ended) / 2, UTC)).total_seconds()
    if abs(skew_s) > MAX_SKEW_S + (ended - began) / 2:
        way = "ahead of" if skew_s > 0 else "behind"
        return _bad(f"The gateway's clock is {abs(skew_s):.0f} s {way} ours.", "Let both machines keep time by NTP.")
    return _good("The gateway's clock agrees with ours.")


def _confined(info: KeyInfo) -> Finding:
    """Check that key_type is respected: versions of LiteLLM that do not know it ignore it silently."""
    if "llm_api_routes" not in info.routes:
        advice = "Use a LiteLLM that knows key_type: else people's keys can make further keys, without limits."
        return _bad("Keys made for people can do more than call models.", advice)
    return _good("Keys made for people can call models and nothing else.")


def _custom_key(gateway: Gateway, alias: str, secret: Secret) -> Iterator[Finding]:
    advice = "Take disable_custom_api_keys out of LiteLLM's general_settings: the playground's keys are made so."
    try:
        issued = _probe(gateway, alias, PROBE_LIFETIMES_DAYS[1], secret)
    except GatewayRejected as error:
        yield _bad(f"The gateway does not let us choose a key's secret. {error}", advice)
        return
    except GatewayUnavailable as error:
        yield _bad(f"The gateway could not make a key with a secret of ours. {error}", "Look at its log; try again.")
        return
    if issued.secret != secret:
        yield _bad("The gateway ignores a secret that we choose.", advice)
        return
    yield _good("The gateway lets us choose a key's secret.")
    lifetime = _lifetime(gateway, issued, None, PROBE_LIFETIMES_DAYS[1])
    if not lifetime.ok:
        yield lifetime


def _clean_up(gateway: Gateway, aliases: Sequence[str], custom_token: str) -> Finding:
    """Delete the probes, also those whose creation was not confirmed."""
    try:
        tokens = {key.token for alias in aliases for key in gateway.keys.list(alias=alias)}
        for token in tokens | {custom_token}:
            with suppress(GatewayNotFound):
                gateway.keys.delete([token])
    except GatewayError as error:
        advice = f"Nobody knows their secrets; delete them there. Their aliases are {' and '.join(aliases)}."
        return _bad(f"The keys made for this check could not be deleted. {error}", advice)
    return _good("The keys made for this check are deleted.")
