"""The schedule of beat: when each task is sent. A message that no worker took in time is dropped."""

from collections.abc import Mapping
from typing import Any, Final

from celery.schedules import crontab

Times = Mapping[str, tuple[crontab | float, int | None]]  # by task: when, or every so many s; dropped after s, or never

REGULAR: Final[Times] = {
    "approvals.apply_grants": (30.0, 25),  # a grant ends within a minute
    "approvals.send_mails": (60.0, 50),
    "courses.end_due": (60.0, 50),
    "keys.refresh_models": (60.0, 50),
    "catalogue.measure_health": (60.0, 50),
    "playground.settle": (60.0, 50),
    "webhooks.note_expired": (60.0, 50),
    "keys.sweep": (crontab(minute="*/5"), 240),
    "usage.alert_operators": (crontab(minute="*/10"), 500),
    "accounts.refresh_saml_metadata": (crontab(minute="*/10"), 500),  # what is due: URLs every two hours, changed files
    "keys.sync": (crontab(minute="*/15"), 840),
    "usage.warn_of_budgets": (crontab(minute="*/15"), 800),
    "keys.remind": (crontab(minute=20), 3000),
    "accounts.prune_sign_ins": (crontab(minute=44), 3000),
    "playground.prune": (crontab(minute=50), 3000),
    "portal.apply_retention": (crontab(hour=3, minute=52), None),
    "usage.prune": (crontab(hour=3, minute=29), None),
    "usage.compact_facts": (crontab(hour=3, minute=41), None),
    "api.prune": (crontab(hour=3, minute=38), 3000),
    "webhooks.prune": (crontab(hour=3, minute=44), 3000),
    "usage.reconcile": (crontab(hour=4, minute=41), None),
}
CONTINUING: Final[Times] = {  # also sent by whatever causes the work; these continue interrupted runs
    "playground.run_batches": (30.0, 25),  # and those that wait for a rate limit
    "webhooks.deliver": (30.0, 25),  # and tries again what failed
    "keys.follow_teams": (60.0, 50),  # after changes of a course
    "accounts.send_invitations": (crontab(minute="*/5"), 240),
    "teaching.send_messages": (crontab(minute="*/5"), 240),
    "keys.mail_leaks": (crontab(minute="1-59/10"), 500),
    "keys.mail_gifts": (crontab(minute="2-59/10"), 500),  # of keys that were made outside
    "keys.mail_leaves": (crontab(minute="3-59/10"), 500),  # of supervisors
    "keys.send_reminders": (crontab(minute="4-59/10"), 500),
    "keys.mail_limit_changes": (crontab(minute="6-59/10"), 500),
    "people.mail_leaving": (crontab(minute="8-59/10"), 500),
    "usage.warn_of_unusual_spend": (crontab(minute="9-59/15"), 800),
    "keys.apply_policies": (crontab(minute=33), 3000),
    "keys.replace_playground_secrets": (crontab(minute=40), 3000),
}
DAILY: Final[Times] = {  # once a day, week or month; the later runs of a night or morning continue interrupted ones
    "usage.reread_older_days": (crontab(hour="1-6", minute=37), 3000),  # all of 400 days within some nights
    "people.check_leaving": (crontab(hour="1-5", minute=52), 3000),
    "accounts.send_daily_mails": (crontab(hour="5-8", minute=25), 3000),
    "usage.mail_views": (crontab(hour="5-8", minute=47), 3000),
}


def beat_schedule(*, usage_poll_s: int) -> dict[str, dict[str, Any]]:
    """Return `CELERY_BEAT_SCHEDULE`."""
    refresh = "usage.refresh_facts"
    times = {**REGULAR, **CONTINUING, **DAILY}
    return {
        **{task: _entry(task, when, expires=expires) for task, (when, expires) in times.items()},
        "usage.today": _entry(refresh, float(usage_poll_s), args=["today"], expires=usage_poll_s),
        "usage.recent": _entry(refresh, crontab(minute=7), args=["recent"], expires=3000),
        "usage.nightly": _entry(refresh, crontab(hour=2, minute=13), args=["nightly"], expires=6 * 3600),
        "usage.backfill": _entry("usage.backfill", crontab(minute="*/10"), args=[20], expires=500),  # usage.tasks.TRIES
    }


def _entry(
    task: str, schedule: crontab | float, *, expires: int | None, args: list[str | int] | None = None
) -> dict[str, Any]:
    """Return one entry for Celery."""
    options = {} if expires is None else {"options": {"expires": expires}}
    return {"task": task, "schedule": schedule, **({"args": args} if args else {}), **options}
