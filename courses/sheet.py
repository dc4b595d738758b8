"""The sheet to print and cut: a card for each line of a file of keys. Stored nowhere."""

from dataclasses import dataclass, field

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from accounts.people_list import read_lines
from courses.first_call import call_for_card
from courses.models import Course
from gateway.secret import Secret, has_secret, token_of
from keys.models import Token
from keys.snippets import base_url
from web.qr import qr_svg


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a student gets on paper."""

    name: str
    secret: Secret
    first_call: str = field(repr=False)
    qr: SafeString = field(repr=False)


@sensitive_variables("text", "rows", "cells", "secret")
def cards_of(text: str, course: Course) -> list[Card]:
    """Return a card for each line with a key of the course that works; other lines are left out.

    Raises UnreadableList.
    """
    rows = []
    for _line, cells in read_lines(text.removeprefix("\ufeff").replace("\r\n", "\n")):
        secret = next((cell for cell in cells if has_secret(cell)), "")
        name = next((cell for cell in cells if cell and cell != secret), "")
        rows.append((name, secret))
    hashes = [token_of(secret) for _name, secret in rows]
    ours = Token.objects.filter(token__in=hashes, key__team=course.team, state=Token.State.LIVE)
    known = set(ours.values_list("token", flat=True))
    return [
        _card(name, Secret(secret), course) for (name, secret), key in zip(rows, hashes, strict=True) if key in known
    ]


@sensitive_variables("secret")
def _card(name: str, secret: Secret, course: Course) -> Card:
    return Card(
        name=name,
        secret=secret,
        first_call=call_for_card(course, secret=secret),
        qr=qr_svg(f"OPENAI_BASE_URL={base_url()}\nOPENAI_API_KEY={secret}", title=_("Base URL and key")),
    )
