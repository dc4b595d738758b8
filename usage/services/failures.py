"""Reads from the gateway's log why requests of courses failed, by the hour, after a poll has found that more did."""

import logging
import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayRejected, GatewayUnreadable, is_unknown_route
from gateway.failure_log import MAX_PAGES, PAGE_SIZE, FailureKind, Failures
from keys.models import Key, Team, Token
from usage.models import HourFailure, KeyHour
from usage.services.hours import SLACK
from usage.services.state import lock_state, mark_changed
from usage.services.upsert import BATCH

logger = logging.getLogger(__name__)
DEADLINE_S: Final = 60  # for all courses; the others follow after the next poll
OLDEST: Final = timedelta(hours=2)  # what could not be read for so long stays without a reason
NO_LOG: Final = "usage-no-failure-log"
NO_LOG_S: Final = 6 * 3600  # until a gateway without such a log is tried again
Place = tuple[UUID, datetime, FailureKind]


def read_failures(*, page_size: int = PAGE_SIZE, max_pages: int = MAX_PAGES) -> int:
    """Read why requests failed of courses with failures not yet explained; return for how many courses.

    Replaces all rows of the hours that it reads. Idempotent: what a kill leaves out is read after the next poll.
    """
    now, ends_at, done = timezone.now(), time.monotonic() + DEADLINE_S, 0
    if cache.get(NO_LOG):
        return 0
    unexplained = KeyHour.objects.filter(
        failed_requests__gt=F("explained_requests"), is_late=False, hour__gt=now - OLDEST, key__team__isnull=False
    )
    for team in Team.objects.filter(pk__in=unexplained.values("key__team")).order_by("pk"):
        if time.monotonic() > ends_at:
            break
        seen = list(unexplained.filter(key__team=team))
        since = min(_hour(now - SLACK), *(row.hour for row in seen))
        until = now.replace(microsecond=0) + timedelta(seconds=1)
        try:
            failures = get_gateway().failure_log.of_team(
                team.gateway_id, since, until, page_size=page_size, max_pages=max_pages
            )
        except GatewayError as error:
            logger.warning("usage.read_failures: %s", error)
            if isinstance(error, GatewayUnreadable):  # another course may have a log that can be read
                continue
            if _has_no_log(error):
                cache.set(NO_LOG, value=True, timeout=NO_LOG_S)
            break
        _write(team, failures, since=since, seen=seen)
        done += 1
    return done


def _has_no_log(error: GatewayError) -> bool:
    """Return whether the gateway lacks the log, or its filters."""
    return is_unknown_route(error) or (isinstance(error, GatewayRejected) and error.status in (400, 422))


@transaction.atomic
def _write(team: Team, failures: Failures, *, since: datetime, seen: list[KeyHour]) -> None:
    """Replace the rows of a course from an hour on, and record which failures these explain."""
    lock_state()
    tokens = Token.objects.filter(key__team=team).values_list("token", "key")
    keys = {token: key for token, key in tokens if token}
    counts: Counter[Place] = Counter(
        (keys[call.token], _hour(call.at), call.kind) for call in failures.calls if call.token in keys
    )
    if not failures.is_complete:  # the oldest were left out: hours before those of which something was read stay
        since = max(since, min((hour for _key, hour, _kind in counts), default=_hour(timezone.now())))
    HourFailure.objects.filter(key__in=Key.objects.filter(team=team), hour__gte=since).delete()
    HourFailure.objects.bulk_create(
        (
            HourFailure(key_id=key, hour=hour, kind=kind, requests=number, is_partial=not failures.is_complete)
            for (key, hour, kind), number in counts.items()
        ),
        batch_size=BATCH,
    )
    for row in seen:
        row.explained_requests = row.failed_requests
    KeyHour.objects.bulk_update(seen, ["explained_requests"], batch_size=BATCH)
    mark_changed()


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
