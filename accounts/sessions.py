"""A person's sessions: which there are, on which devices, and how one or all others end.

A session belongs to the sign-in that began it (accounts.sign_ins), whose number it holds.
"""

import re
import time
from typing import Final

from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import SignIn, User

IN_SESSION: Final = "sign_in"  # the name in the session of the number of its sign-in
MOST_SHOWN: Final = 50
NOTE_EVERY_S: Final = 300.0
MOST_NOTED: Final = 10_000
noted: dict[int, tuple[float, str]] = {}  # sign-in -> time.monotonic(), session key; of this process
BROWSERS: Final = (  # the first that fits: most call themselves by several names
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
)
SYSTEMS: Final = (
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux|X11"),
)


def device_of(request: HttpRequest) -> dict[str, str]:
    """Return browser and system as far as the browser names them; no more of its name is kept."""
    agent = request.headers.get("User-Agent", "")[:1000]
    return {"browser": _first(BROWSERS, agent), "system": _first(SYSTEMS, agent)}


def _first(names: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, agent)), "")


def note_use(request: HttpRequest) -> None:
    """Keep when the session was last used, and its key when that has changed; at most one write in some minutes."""
    sign_in, key = request.session.get(IN_SESSION), request.session.session_key
    now = time.monotonic()
    if not isinstance(sign_in, int) or not key:
        return
    noted_at, noted_key = noted.get(sign_in, (-NOTE_EVERY_S, ""))
    if noted_key == key and now - noted_at < NOTE_EVERY_S:
        return
    if len(noted) >= MOST_NOTED:
        noted.clear()
    noted[sign_in] = now, key
    SignIn.objects.filter(pk=sign_in).update(last_use_at=timezone.now(), session_key=key)


def sessions_of(person: User) -> list[SignIn]:
    """Return the sign-ins of the person whose sessions have not ended, newest first."""
    found = list(SignIn.objects.of(person).with_session().newest_first()[:MOST_SHOWN])
    keys = [each.session_key for each in found]
    live = Session.objects.filter(pk__in=keys, expire_date__gt=timezone.now()).values_list("pk", flat=True)
    going_on = set(live)
    return [each for each in found if each.session_key in going_on]


def end_session(sign_in: SignIn) -> None:
    """End the session that the sign-in began. Idempotent."""
    Session.objects.filter(pk=sign_in.session_key).delete()


def end_other_sessions(person: User, current_key: str | None) -> int:
    """End all sessions of the person but the present one; return how many."""
    others = [key for key in session_keys_of(person) if key != current_key]
    return Session.objects.filter(pk__in=others).delete()[0]


def session_keys_of(*people: User) -> list[str]:
    """Return the keys of all sessions in which one of these people is signed in."""
    ids = {str(person.pk) for person in people}
    sessions = Session.objects.filter(expire_date__gt=timezone.now()).iterator()
    return [session.pk for session in sessions if session.get_decoded().get("_auth_user_id") in ids]
