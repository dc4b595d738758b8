"""Sign-ins as the pages list them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.identity_providers import identity_providers
from accounts.models import SignIn
from accounts.models.sign_ins import SUCCESSES


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One sign-in in words."""

    sign_in: SignIn
    provider: str
    is_success: bool
    claims: list[tuple[str, str]]  # names and values


def in_rows(sign_ins: Iterable[SignIn]) -> list[SignInRow]:
    """Return them in words, in their order."""
    titles = {"": _("Local account"), **{each.id: each.title for each in identity_providers()}}
    return [
        SignInRow(
            sign_in=each,
            provider=titles.get(each.provider, each.provider),
            is_success=each.outcome in SUCCESSES,
            claims=[(name, _in_words(value)) for name, value in sorted(each.claims.items())],
        )
        for each in sign_ins
    ]


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
