"""Identifies the gateway: a team there, created once with an id of ours, distinguishes it from every other.

Every hour we write the time on that team. A gateway that was restored from an older copy has an older time than
we do; a portal that was restored has an older one than its gateway. ADR 15 describes the consequences.
"""

import logging
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayNotFound, GatewayRejected
from gateway.types import TeamInfo
from keys.alerts import alert_admins
from keys.models import GatewayIdentity
from web.commands import command

logger = logging.getLogger(__name__)

STAMP_NAME: Final = "passerelle_seen_at"
STAMP_EVERY: Final = timedelta(hours=1)
STAMP_TAKES: Final = timedelta(minutes=10)  # at most; then its writer has died
Problem = GatewayIdentity.Problem


class GatewayChanged(GatewayError):
    """The gateway is not the one that the portal knows, or was restored: nothing is taken over from it."""


MESSAGES: Final = {  # usage.templatetags.usage_words translates them
    Problem.OTHER: gettext_noop("This is not the gateway that the portal knows. Nothing was read or changed."),
    Problem.OLDER: gettext_noop("The gateway was restored from an older copy. Nothing was read or changed."),
    Problem.VANISHED: gettext_noop("Many keys disappeared from the gateway at the same time. Nothing was changed."),
}


def identify_gateway() -> bool:
    """Check that this is the gateway that the portal knows; at first use, mark it as such.

    Returns True if the portal's own database seems to have been restored from an older copy.
    Raises GatewayChanged (the administrators are notified), or what the gateway client raises.
    """
    known = GatewayIdentity.load()
    if known.made_at is None:
        _mark_gateway()
        return False
    try:
        team: TeamInfo = get_gateway().people.team(known.marker)
    except GatewayNotFound:
        raise note_change(Problem.OTHER) from None
    seen = _stamp_on(team)
    if seen and known.stamp and seen < known.stamp:
        raise note_change(Problem.OLDER)
    newer = bool(seen and known.stamp and seen > known.stamp and seen != known.next_stamp)
    if newer:
        logger.warning("identity: the gateway has heard of this portal later than the portal's database knows")
    if known.problem in (Problem.OTHER, Problem.OLDER):
        clear_change()
    if newer or not known.stamp or known.stamp < timezone.now() - STAMP_EVERY:
        _write_stamp(known, seen)
    return newer


def is_other_gateway() -> bool:
    """Tell, from our own tables, whether the gateway was last found to be another; one query."""
    return GatewayIdentity.objects.filter(pk=1, problem=Problem.OTHER).exists()


def note_change(problem: str, *, missing_keys: int = 0, live_keys: int = 0) -> GatewayChanged:
    """Record the problem with the gateway, notify the administrators, and return the error to raise."""
    fields = {"problem": problem, "missing_keys": missing_keys, "live_keys": live_keys}
    GatewayIdentity.objects.exclude(problem=problem).filter(pk=1).update(since=timezone.now())
    GatewayIdentity.objects.filter(pk=1).update(**fields)
    body = format_lazy(
        "{what} {numbers}{effect}\n\n{advice}\n\n{url}/usage/compare/\n",
        what=Problem(problem).label,
        effect=_("The portal imports nothing from it and deletes nothing there until an administrator has checked."),
        numbers=format_lazy("{} ", _missing(missing_keys, live_keys)) if missing_keys else "",
        advice=format_lazy(
            _(
                "Check GATEWAY_URL and the gateway. If this is a mistake, correct it: the portal then continues by "
                "itself. If it is intended, accept the gateway on the page below, or with {command}."
            ),
            command=command("accept_gateway"),
        ),
        url=settings.PORTAL_URL,
    )
    alert_admins(f"gateway-{problem}", _("The gateway is not in the expected state"), body)
    return GatewayChanged(MESSAGES[Problem(problem)])


def _missing(missing_keys: int, live_keys: int) -> Promise:
    return format_lazy(_("{missing} of {live} keys are missing."), missing=missing_keys, live=live_keys)


def clear_change() -> None:
    """Record that the problem with the gateway is over."""
    changed = GatewayIdentity.objects.filter(pk=1).exclude(problem=Problem.NONE)
    if changed.update(problem=Problem.NONE, since=None, missing_keys=0, live_keys=0):
        logger.warning("identity: the gateway is again as the portal knows it")


def accept_gateway(by: str) -> str:
    """Accept the present gateway as the one that the portal knows, on behalf of `by`; return the former problem.

    The next sync may find many keys missing, and no usage up to today shrinks. Raises what the gateway client raises;
    then nothing was accepted.
    """
    known = GatewayIdentity.load()
    problem, now = known.problem, timezone.now()
    if not problem:
        return ""
    accepted: dict[str, object] = {
        "accepted_at": now,
        "accepted_by": by[:150],
        "absences_accepted": True,
        "facts_kept_to": now.astimezone(UTC).date(),
    }
    if problem == Problem.OTHER:
        marker = _new_marker()
        accepted |= {"marker": marker, "made_at": now, "stamp": _make_team(marker), "next_stamp": None}
    elif problem == Problem.OLDER:
        _write_stamp(known, None)
    GatewayIdentity.objects.filter(pk=1).update(**accepted)
    clear_change()
    logger.warning("identity: %s accepted the gateway (%s)", by, problem)
    return problem


def _mark_gateway() -> None:
    """Mark a new gateway as ours; idempotent, also for two processes at once."""
    GatewayIdentity.objects.get_or_create(pk=1, defaults={"marker": _new_marker()})
    marker = GatewayIdentity.load().marker
    stamp = _make_team(marker)
    GatewayIdentity.objects.filter(pk=1, marker=marker, made_at=None).update(made_at=timezone.now(), stamp=stamp)
    logger.info("identity: the gateway is known from now on by its team %s", marker)


def _new_marker() -> str:
    return f"passerelle-portal-{uuid.uuid4().hex}"


def _make_team(marker: str) -> datetime:
    """Create our team at the gateway, unless another process, or a call whose answer was lost, has; return its time."""
    now, people = timezone.now(), get_gateway().people
    alias = f"Passerelle portal {marker[-8:]} (do not delete)"
    try:
        people.new_team(team_id=marker, alias=alias, metadata={STAMP_NAME: now.isoformat()})
    except GatewayRejected as error:
        with suppress(GatewayNotFound):
            return _stamp_on(people.team(marker)) or now
        raise error from None
    return now


def _write_stamp(known: GatewayIdentity, seen: datetime | None) -> None:
    """Write the present time on our team. One process at a time: two could overtake each other."""
    now = timezone.now()
    same = GatewayIdentity.objects.filter(pk=1, marker=known.marker, next_stamp=known.next_stamp)
    if known.next_stamp and known.next_stamp > now - STAMP_TAKES:
        return
    if not same.update(next_stamp=now, stamp=seen or known.stamp):
        return
    get_gateway().people.update_team(known.marker, metadata={STAMP_NAME: now.isoformat()})
    GatewayIdentity.objects.filter(pk=1, next_stamp=now).update(stamp=now, next_stamp=None)


def _stamp_on(team: TeamInfo) -> datetime | None:
    """Return the time that is written on our team; None if it is not ours."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(str(team.metadata.get(STAMP_NAME, "")))
        return moment if moment.tzinfo else None
    return None
