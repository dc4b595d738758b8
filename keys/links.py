"""Links in mails that do one thing with one key, without a sign-in (ADR 31).

The signature covers the key as the mail described it: its owner and their address, its end and secret. When one of
these changes, the link is void: so it works once.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import salted_hmac

from keys.models import Key

WORKS_FOR: Final = timedelta(days=7)


class LinkAct(StrEnum):
    """The action of a link; the name of its route."""

    RENEW = "renew_by_link"
    PAUSE = "pause_by_link"


class LinkRefused(Exception):
    """An invalid link; `why` is "wrong", "old" or "void"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def link_to(act: LinkAct, key: Key) -> str:
    """Return the absolute URL of a new link; the key's owner and tokens were read with it."""
    signed = signing.dumps(_named(key), salt=_salt(act))
    return f"{settings.PORTAL_URL}{reverse(f'keys:{act}', args=[signed])}"


def key_of_link(act: LinkAct, signed: str) -> Key:
    """Return the key of a link, with its owner, intern and tokens; raise LinkRefused for an invalid one."""
    try:
        named = signing.loads(signed, salt=_salt(act), max_age=WORKS_FOR)
    except signing.SignatureExpired as error:
        raise LinkRefused("old") from error
    except signing.BadSignature as error:
        raise LinkRefused("wrong") from error
    keys = Key.objects.select_related("owner", "intern").prefetch_related("tokens")
    key = keys.filter(pk=named["key"], state=Key.State.ACTIVE, owner__is_active=True).first()
    if key is None or _named(key) != named:
        raise LinkRefused("void")
    return key


def _named(key: Key) -> dict[str, object]:
    """Return the signed values. The end in seconds: the gateway answers in microseconds and stores milliseconds."""
    end = key.expires_at and round(key.expires_at.timestamp())
    to = salted_hmac("keys.links.address", key.owner.email).hexdigest()[:20]  # a link can be read by whoever has it
    token = key.live_token and key.live_token.pk
    return {"key": str(key.pk), "owner": key.owner_id, "to": to, "end": end, "token": token}


def _salt(act: LinkAct) -> str:
    return f"keys.links.{act}"
