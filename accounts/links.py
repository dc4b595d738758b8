"""Signed links in mails that work without a sign-in, each for one person (ADR 31): how they are signed and read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.core import signing

from accounts.models import User
from web.derived import digests_of

WORKS_FOR: Final = timedelta(days=7)


class LinkRefused(Exception):
    """An invalid link; `why` is "wrong", "old", "void" or "other"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def holder(person: User) -> dict[str, object]:
    """Return the signed values about whom a link is for: it is void with another address, or once they are signed out.

    A digest of the address, because whoever has a link can read what is signed.
    """
    return holders(person)[0]


def holders(person: User) -> list[dict[str, object]]:
    """Return these values as SECRET_KEY gives them, and as each of the fallbacks does, for links of before."""
    ended_at = person.sessions_ended_at
    about = {"person": person.pk, "out": ended_at and ended_at.timestamp()}
    return [{**about, "to": digest.hex()[:20]} for digest in digests_of("accounts.links.address", person.email)]


def sign(values: Mapping[str, object], *, salt: str) -> str:
    """Return the last part of the path of a link."""
    return signing.dumps(values, salt=salt)


def read(signed: str, *, salt: str) -> dict[str, Any]:
    """Return the values of a link; raise LinkRefused if it is forged or old."""
    try:
        values: dict[str, Any] = signing.loads(signed, salt=salt, max_age=WORKS_FOR)
    except signing.SignatureExpired as error:
        raise LinkRefused("old") from error
    except signing.BadSignature as error:
        raise LinkRefused("wrong") from error
    return values
