"""Links in mails that do one thing with one key, without a sign-in (ADR 31).

The signature covers the key as the mail described it: its owner and their address, its end and secret. When one of
these changes, the link is void: so it works once.
"""

from enum import StrEnum

from django.urls import reverse

from accounts.links import LinkRefused, holder, holders, read, sign
from accounts.models import User
from keys.models import Key
from web.addresses import absolute


class LinkAction(StrEnum):
    """The action of a link; the name of its route."""

    RENEW = "renew_by_link"
    PAUSE = "pause_by_link"


def link_to(action: LinkAction, key: Key) -> str:
    """Return the absolute URL of a new link; the key's owner and tokens were read with it."""
    signed = sign(_named(key, holder(key.owner)), salt=_salt(action))
    return absolute(reverse(f"keys:{action}", args=[signed]))


def key_of_link(action: LinkAction, signed: str) -> tuple[User, Key]:
    """Return the owner and the key of a link, with its intern and tokens; raise LinkRefused for an invalid one."""
    named = read(signed, salt=_salt(action))
    keys = Key.objects.select_related("owner", "intern").prefetch_related("tokens")
    key = keys.filter(pk=named["key"], state=Key.State.ACTIVE, owner__is_active=True).first()
    if key is None or named not in [_named(key, each) for each in holders(key.owner)]:
        raise LinkRefused("void")
    return key.owner, key


def _named(key: Key, of: dict[str, object]) -> dict[str, object]:
    """Return the signed values. The end in seconds: the gateway answers in microseconds and stores milliseconds."""
    end = key.expires_at and round(key.expires_at.timestamp())
    token = key.live_token and key.live_token.pk
    return {"key": str(key.pk), "end": end, "token": token, **of}


def _salt(action: LinkAction) -> str:
    return f"keys.links.{action}"
