"""Work on keys outside a request: repair, compare, remind, refresh. Each loads nothing and calls one service."""

import logging
import time
from typing import Any, Final
from uuid import UUID

from celery import shared_task

from accounts.audit import BY_THE_PORTAL
from accounts.delivery import MailServerUnavailable
from gateway.errors import GatewayUnavailable
from keys import services
from keys.catalogue import refresh_models as refresh_catalogue

logger = logging.getLogger(__name__)

REPEATABLE: Final[dict[str, Any]] = {
    "acks_late": True,  # a second run changes nothing, or writes to those who got no mail yet
    "ignore_result": True,
}
AT_GATEWAY: Final = {
    **REPEATABLE,
    "autoretry_for": (GatewayUnavailable,),
    "retry_backoff": 5,  # s; doubles, with jitter, up to:
    "retry_backoff_max": 60,
    "max_retries": 3,
}
ONE_MAIL: Final = {
    **REPEATABLE,  # better twice than never
    "autoretry_for": (MailServerUnavailable,),
    "retry_backoff": 10,  # s; doubles, with jitter, up to:
    "retry_backoff_max": 1800,
    "max_retries": 60,  # a day; then the message expires
}


@shared_task(
    name="keys.sweep",
    soft_time_limit=240,  # s
    **AT_GATEWAY,
    throws=(services.GatewayChanged,),  # recorded, and the administrators get a mail: not to be retried
)
def sweep() -> None:
    """Repair what crashes and lost answers left, end graces, finish deletions."""
    started = time.monotonic()
    try:
        done = services.sweep_keys()
    except services.GatewayChanged as change:
        logger.error("keys.sweep: %s", change)
        raise
    logger.info("keys.sweep: %d brought to rest in %.1f s", done, time.monotonic() - started)


@shared_task(name="keys.sync", soft_time_limit=600, **AT_GATEWAY, throws=(services.GatewayChanged,))
def sync() -> None:
    """Take over changes made at the gateway."""
    started = time.monotonic()
    try:
        changed = services.sync_keys()
    except services.GatewayChanged as change:
        logger.error("keys.sync: %s", change)
        raise
    logger.info("keys.sync: %d changed in %.1f s", changed, time.monotonic() - started)


@shared_task(name="keys.apply_policies", soft_time_limit=900, **AT_GATEWAY)
def apply_policies() -> None:
    """Apply the present policies to keys."""
    started = time.monotonic()
    try:
        changed = services.apply_policies(BY_THE_PORTAL)
    except services.GatewayChanged as change:
        logger.error("keys.apply_policies: %s", change)
        return
    logger.info("keys.apply_policies: %d changed in %.1f s", changed, time.monotonic() - started)


@shared_task(name="keys.replace_playground_secrets", soft_time_limit=900, **AT_GATEWAY)
def replace_playground_secrets() -> None:
    """Replace secrets that a former PLAYGROUND_KEY_SECRET has made."""
    started = time.monotonic()
    try:
        replaced = services.replace_former_secrets(BY_THE_PORTAL)
    except services.GatewayChanged as change:
        logger.error("keys.replace_playground_secrets: %s", change)
        return
    took = time.monotonic() - started
    logger.info("keys.replace_playground_secrets: %d replaced, %d left in %.1f s", replaced.done, replaced.left, took)
    if replaced.failure:
        raise replaced.failure


@shared_task(name="keys.refresh_models", soft_time_limit=60, ignore_result=True)
def refresh_models() -> None:
    """Read the gateway's list of models; an unavailable gateway is recorded, not retried: the next run comes soon."""
    started = time.monotonic()
    changed = refresh_catalogue()
    logger.info("keys.refresh_models: %d changed in %.1f s", changed, time.monotonic() - started)


@shared_task(name="keys.remind", soft_time_limit=300, **REPEATABLE)
def remind() -> None:
    """Write to people whose keys expire soon."""
    started = time.monotonic()
    written = services.remind_owners()
    logger.info("keys.remind: %d written in %.1f s", written, time.monotonic() - started)


@shared_task(name="keys.send_reminders", soft_time_limit=300, **REPEATABLE)
def send_reminders() -> None:
    """Write to owners of whose keys an admin wants them reminded; the next run takes what the mail server did not."""
    started = time.monotonic()
    sent = services.send_requested_reminders()
    logger.info("keys.send_reminders: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(name="keys.mail_leak", soft_time_limit=60, **ONE_MAIL)
def mail_leak(key_id: str, at: str, details: dict[str, Any]) -> None:
    """Write to owner and intern that a leaked secret was replaced at this time (ISO)."""
    sent = services.mail_of_leak(key_id, at, details)
    logger.info("keys.mail_leak: %d sent", sent)


@shared_task(name="keys.mail_leaks", soft_time_limit=300, **REPEATABLE)
def mail_leaks() -> None:
    """Write to owners, interns and admins about reported leaks."""
    started = time.monotonic()
    sent = services.mail_leaks()
    logger.info("keys.mail_leaks: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(name="keys.mail_handover", soft_time_limit=60, **ONE_MAIL)
def mail_handover(intern_id: str, before: int, after: int, by: int | None, at: str) -> None:
    """Write to an intern and to both supervisors (by number) about a handover at this time (ISO)."""
    sent = services.mail_of_handover(intern_id, before, after, by, at)
    logger.info("keys.mail_handover: %d sent", sent)


@shared_task(name="keys.mail_leaves", soft_time_limit=300, **REPEATABLE)
def mail_leaves() -> None:
    """Write to interns whose supervisor left, and to people who manage people."""
    started = time.monotonic()
    sent = services.mail_leaves()
    logger.info("keys.mail_leaves: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(
    name="keys.finish_unowned",
    soft_time_limit=600,  # s
    **REPEATABLE,  # the sweep goes on with what is left
)
def finish_unowned() -> None:
    """Give keys that were made outside to their new owners, and finish other actions on such keys."""
    started = time.monotonic()
    done, failure = services.finish_unowned()
    logger.info("keys.finish_unowned: %d finished in %.1f s%s", done, time.monotonic() - started, failure or "")


@shared_task(name="keys.mail_gifts", soft_time_limit=300, **REPEATABLE)
def mail_gifts() -> None:
    """Write to people who got keys that were made outside."""
    started = time.monotonic()
    sent = services.mail_gifts()
    logger.info("keys.mail_gifts: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(name="keys.mail_limit_changes", soft_time_limit=300, **REPEATABLE)
def mail_limit_changes() -> None:
    """Write to interns whose limits somebody has changed."""
    started = time.monotonic()
    sent = services.mail_limit_changes()
    logger.info("keys.mail_limit_changes: %d sent in %.1f s", sent, time.monotonic() - started)


@shared_task(name="keys.follow_team", soft_time_limit=600, **AT_GATEWAY, throws=(services.GatewayChanged,))
def follow_team(team_id: str) -> None:
    """Bring the keys of a course to what it wants: blocked, unblocked, deleted, with other limits."""
    started = time.monotonic()
    changed = services.follow_team(UUID(team_id))
    logger.info("keys.follow_team: %d changed in %.1f s", changed, time.monotonic() - started)


@shared_task(name="keys.follow_teams", soft_time_limit=600, throws=(services.GatewayChanged,), **REPEATABLE)
def follow_teams() -> None:
    """Do the same for all courses, and compare some with the gateway; continues interrupted runs."""
    started = time.monotonic()
    changed = services.follow_teams()
    logger.info("keys.follow_teams: %d changed in %.1f s", changed, time.monotonic() - started)
