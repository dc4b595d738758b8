"""The language and time zone of a person: their choice, or else the browser's or the portal's."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from accounts.models import User

NO_PLACES: Final = {"Factory", "localtime"}  # files of the zone database that are no places


@cache
def known_zones() -> frozenset[str]:
    """Return the names of all time zones, former names too: browsers report those."""
    return frozenset(available_timezones() - NO_PLACES)


def validate_time_zone(name: str) -> None:
    """Refuse a time zone that does not exist."""
    if name not in known_zones():
        words = _("There is no time zone “%(name)s”. Choose one from the list, for example Europe – Paris.")
        raise ValidationError(words, code="unknown", params={"name": name})


def language_of(person: User) -> str:
    """Return the language of mails to a person: their choice, or that of their last sign-in, or the portal's."""
    return person.language or person.browser_language or settings.LANGUAGE_CODE


def zone_of(person: User) -> ZoneInfo | None:
    """Return the time zone that a person chose; None for none, or for one that this machine no longer has."""
    try:
        return ZoneInfo(person.time_zone) if person.time_zone else None
    except (KeyError, ValueError, OSError):
        return None


def activate_for(person: User | AnonymousUser) -> None:
    """Activate the sender's choices for a request; else the browser's language and the portal's time zone apply."""
    zone = None
    if isinstance(person, User):
        zone = zone_of(person)
        if person.language in dict(settings.LANGUAGES):
            translation.activate(person.language)
    timezone.activate(zone or timezone.get_default_timezone())


@contextmanager
def reading_as(person: User, *, language: str = "") -> Iterator[None]:
    """Activate a person's language, or the given one, and time zone, outside of their requests."""
    zone = zone_of(person) or timezone.get_default_timezone()
    with translation.override(language or language_of(person)), timezone.override(zone):
        yield
