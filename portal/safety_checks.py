"""System checks of settings that would endanger portal or gateway. Ids and hints are listed in docs/settings.md."""

import ipaddress
import stat
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from portal.private_files import is_open_to_others
from web.commands import command

SHORTEST: Final = {"SECRET_KEY": 32, "PLAYGROUND_KEY_SECRET": 32, "GATEWAY_ADMIN_KEY": 16}  # characters
SHORTEST_TOKEN: Final = 20  # characters
FEWEST_DIFFERENT: Final = 8  # characters
FEWEST_OF_ONES_OWN: Final = 12  # characters in addition to these words, longest first if one is in another:
WELL_KNOWN: Final = (
    *("abcdefghijklmnopqrstuvwxyz", "1234567890", "0123456789", "masterkey", "password", "passw0rd", "passerelle"),
    *("insecure", "litellm", "gateway", "default", "example", "replace", "qwerty", "change", "secret", "django"),
    *("please", "portal", "master", "admin", "sandbox", "random", "token", "1234", "test", "your", "this", "here"),
    *("key", "me", "my"),
)
OLDEST_ACCOUNTS: Final = 20  # demo people are the first of a database; each check costs some 20 ms


def is_loopback(host: str | None) -> bool:
    """Say whether this is a name or an address of the local machine."""
    if not host:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@register
def gateway_is_asked_over_https(**kwargs: Any) -> list[CheckMessage]:
    """Refuse plain HTTP to another machine: the admin key and everybody's keys would cross the network unencrypted."""
    urls = {name: urlsplit(getattr(settings, name)) for name in ("GATEWAY_URL", "GATEWAY_PUBLIC_URL")}
    hint = "Give the https address, or name the host in GATEWAY_HTTP_HOSTS where the network is yours alone."
    return [
        Error(f"{name} is plain http to {url.hostname}.", hint=hint, id="portal.E014")
        for name, url in urls.items()
        if url.scheme == "http" and not is_loopback(url.hostname) and url.hostname not in settings.GATEWAY_HTTP_HOSTS
    ]


def weakness(secret: str, shortest: int) -> str:
    """Return what makes a secret easy to guess, empty if nothing does."""
    plain = secret.lower().removeprefix("sk-")
    if len(secret) < shortest:
        return f"has fewer than {shortest} characters"
    if len(set(plain)) < FEWEST_DIFFERENT or plain in (plain + plain)[1:-1]:
        return "repeats itself"
    for word in WELL_KNOWN:
        plain = plain.replace(word, "")
    return "" if sum(map(str.isalnum, plain)) >= FEWEST_OF_ONES_OWN else "is a well-known text"


@register
def master_secrets_are_strong(**kwargs: Any) -> list[CheckMessage]:
    """Refuse secrets that can be guessed; only warn in a trial on one's own machine."""
    tries = settings.EMBEDDED and is_loopback(urlsplit(settings.GATEWAY_URL).hostname)
    kind = Warning if tries else Error
    found = {name: weakness(getattr(settings, name), shortest) for name, shortest in SHORTEST.items()}
    if settings.SANDBOX:
        del found["GATEWAY_ADMIN_KEY"]  # printed in the documentation
    hint = "Set it to 50 random characters: python3 -c 'import secrets; print(secrets.token_urlsafe(50))'"
    return [kind(f"{name} {wrong}.", hint=hint, id="portal.E015") for name, wrong in found.items() if wrong]


@register
def var_dir_is_private(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a folder of the embedded mode that others can read; on a server, one that others can write to."""
    folder = settings.VAR_DIR
    if settings.EMBEDDED:
        is_wrong, text = is_open_to_others(folder), f"VAR_DIR {folder} is open to other users of this machine."
    else:
        writable = stat.S_IWGRP | stat.S_IWOTH
        is_wrong = folder.exists() and bool(folder.stat().st_mode & writable)
        text = f"Other users of this machine may write to VAR_DIR {folder}."
    hint = f"Name a folder that holds nothing else, or take the rights from others: chmod go= {folder}"
    return [Error(text, hint=hint, id="portal.E016")] if is_wrong else []


@register
def metrics_are_not_open(**kwargs: Any) -> list[CheckMessage]:
    """Refuse metrics that strangers could read, or whose token they could guess."""
    is_open = settings.METRICS_PORT and not (settings.METRICS_TOKEN or is_loopback(settings.METRICS_HOST))
    hint = "Set METRICS_TOKEN to 32 random characters, or leave METRICS_HOST at 127.0.0.1."
    if is_open:
        return [Error("METRICS_HOST opens the metrics to other machines.", hint=hint, id="portal.E041")]
    if settings.METRICS_TOKEN and weakness(settings.METRICS_TOKEN, SHORTEST_TOKEN):
        return [Error("METRICS_TOKEN can be guessed.", hint=hint, id="portal.E042")]
    return []


@register(Tags.database)
def nobody_has_the_demo_password(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse accounts with the password of the documentation at a real gateway.

    It checks the oldest accounts, and those with the name or the address of a demo person.
    """
    if settings.SANDBOX or not databases:
        return []
    from accounts.management.commands.seed_demo import PASSWORD, PEOPLE
    from accounts.models import User

    names = [person.username for person in PEOPLE]
    active = User.objects.filter(is_active=True).only("username", "password")
    try:
        people = {*active.order_by("pk")[:OLDEST_ACCOUNTS], *active.filter(username__in=names)}
        people |= {*active.filter(email__in=[f"{name}@example.org" for name in names])}
    except DatabaseError:  # unreachable, or before the first migration: nobody can sign in either
        return []
    known = sorted(person.username for person in people if check_password(PASSWORD, person.password))
    if not known:
        return []
    text = f"The gateway is real, and the demo password opens these accounts: {', '.join(known)}."
    hint = f"Change it ({command('changepassword')} NAME), deactivate them, or use another database."
    return [Error(text, hint=hint, id="portal.E017")]
