"""Polls the gateway's activity: reads days, newest first, and writes each complete one."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from gateway.errors import GatewayError
from gateway.secret import without_addresses
from gateway.usage import PAGE_SIZE
from keys.alerts import alert_admins
from keys.models import GatewayIdentity
from keys.services import identify_gateway
from usage.models import PollRun, UsageState, utc_today
from usage.services.anomalies import record_anomalies, report_anomalies, restore_stored_amounts
from usage.services.attribute import attribute_tokens
from usage.services.day_reader import Tally, read_day
from usage.services.lease import held_lease
from usage.services.owners import read_shares
from usage.services.rollups import roll_up_reattributed
from usage.services.state import cooldown_end, record_failure, record_success, start_cooldown
from usage.services.write import shrinks, write_day
from web import metrics
from web.commands import command
from web.lease import Lease, LeaseLost

logger = logging.getLogger(__name__)

SLICE_S = 20  # s of the gateway's time; then a run ends with a whole day, and its other days wait for the next one


def refresh_facts(
    first_day: date,
    last_day: date,
    kind: str,
    *,
    page_size: int = PAGE_SIZE,
    slice_s: float = SLICE_S,
    accept_less: bool = False,
) -> PollRun:
    """Replace the facts of these UTC days (both included) by the gateway's; return the run.

    A day is replaced when all its pages were read, and otherwise unchanged. The run may end before `first_day`, and
    then says so in its own `first_day`: continue from there. Busy, without a row: another run is in progress, or the
    cooldown is not over. Idempotent: unchanged facts are not written. Days that are kept by month are not read.

    A day with far less than before keeps its facts, plus what is larger, and the administrators are alerted; with
    `accept_less`, which only a person requests, it becomes what the gateway reports. Fails without reading at a
    gateway that the portal does not know.
    """
    daily_from = UsageState.load().daily_from
    if daily_from and last_day < daily_from:
        return _busy(kind, first_day, last_day, f"Days before {daily_from} are kept by month, and not read again.")
    first_day = max(first_day, daily_from) if daily_from else first_day
    if until := cooldown_end():
        return _busy(kind, first_day, last_day, f"The next update can start at {until:%H:%M:%S} UTC.")
    with held_lease() as lease:
        if lease is None:
            return _busy(kind, first_day, last_day, "Another update is under way.")
        PollRun.objects.filter(outcome=PollRun.Outcome.RUNNING).update(
            outcome=PollRun.Outcome.FAILED, problem="It was interrupted.", ended_at=timezone.now()
        )
        run = PollRun.objects.create(kind=kind, first_day=first_day, last_day=last_day)
        with _recorded(run, Tally()) as tally:
            identify_gateway()
            _read_and_write(run, tally, lease, page_size=page_size, slice_s=slice_s, accept_less=accept_less)
            report_anomalies(tally.invalid)
    return run


def _busy(kind: str, first_day: date, last_day: date, problem: str) -> PollRun:
    return PollRun(kind=kind, first_day=first_day, last_day=last_day, outcome=PollRun.Outcome.BUSY, problem=problem)


def _read_and_write(
    run: PollRun, tally: Tally, lease: Lease, *, page_size: int, slice_s: float, accept_less: bool
) -> None:
    """Process the days, newest first, until all are done or the slice is used up."""
    wanted, day = run.first_day, run.last_day
    kept_to = GatewayIdentity.load().facts_kept_to
    attribute_tokens()
    roll_up_reattributed()
    while True:
        day_usage = read_day(day, tally, lease.extend, page_size=page_size)
        tally.invalid += record_anomalies(day_usage)
        restore_stored_amounts(day_usage)
        accepted = kept_to is not None and day <= kept_to  # the gateway was accepted, with its gaps
        read_shares(day_usage, tally, lease.extend, page_size=page_size)
        shrunk = not accept_less and not accepted and shrinks(day_usage)
        run.rows_written += write_day(day_usage, keep=shrunk or (accepted and not accept_less))
        if shrunk:
            run.days_kept += 1
            _alert_shrunk_day(day)
        run.first_day = day
        if day <= wanted or tally.gateway_s >= slice_s:
            return
        day -= timedelta(days=1)


def _alert_shrunk_day(day: date) -> None:
    """Alert the administrators that the gateway reports far less of a day than before."""
    words = _(
        "For {day} (UTC) the gateway reports far fewer requests than before, as an empty or restored gateway "
        "does. The portal keeps its numbers. If the smaller ones are right, read the day again on the page "
        "below, or with {command}."
    )
    text = format_lazy(words, day=day.isoformat(), command=command("reread_usage"))
    body = format_lazy("{text}\n\n{url}/usage/compare/\n", text=text, url=settings.PORTAL_URL)
    logger.error("usage: far less is reported of %s than before; kept", day)
    alert_admins("usage-shrunk", _("The gateway reports less usage than before"), body)


def _count(run: PollRun) -> None:
    metrics.POLLS.labels(str(run.outcome)).inc()
    metrics.POLL_ROWS.labels("read").inc(run.rows_read)
    metrics.POLL_ROWS.labels("written").inc(run.rows_written)


@contextmanager
def _recorded(run: PollRun, tally: Tally) -> Iterator[Tally]:
    """Record how a run ended, also when it ended by a bug of ours, which goes on to the worker's log."""
    began = time.monotonic()
    wanted, reads_today = run.first_day, run.last_day >= utc_today()
    run.outcome, run.problem = PollRun.Outcome.FAILED, "It failed unexpectedly: the worker’s log says why."
    try:
        yield tally
        run.outcome, run.problem = PollRun.Outcome.DONE, ""
    except (GatewayError, LeaseLost) as error:
        logger.warning("usage.refresh_facts: broke off, %s", error)  # with URLs, which the page does not show
        run.first_day, run.problem = wanted, without_addresses(str(error))[:300]
    finally:
        run.pages, run.rows_read, run.gateway_s = tally.pages, tally.rows, tally.gateway_s
        run.invalid, run.missing = tally.invalid, sorted(tally.missing)
        run.seconds, run.ended_at = time.monotonic() - began, timezone.now()
        run.save()
        _count(run)
        start_cooldown(tally.gateway_s)
        if reads_today and run.outcome == PollRun.Outcome.DONE:
            record_success()
        elif reads_today:
            record_failure(run.problem)
