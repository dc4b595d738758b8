"""The schedule of beat. A message that no worker took in time is dropped (`expires`, in seconds)."""

from typing import Any

from celery.schedules import crontab


def beat_schedule(*, usage_poll_s: int) -> dict[str, dict[str, Any]]:
    """Return `CELERY_BEAT_SCHEDULE`."""
    refresh = "usage.refresh_facts"
    return {
        "keys.sweep": _entry("keys.sweep", crontab(minute="*/5"), expires=240),
        "keys.sync": _entry("keys.sync", crontab(minute="*/15"), expires=840),
        # Sent when a policy is saved; this continues interrupted runs.
        "keys.apply_policies": _entry("keys.apply_policies", crontab(minute=33), expires=3000),
        # Sent when a course changes; this continues interrupted runs.
        "keys.follow_teams": _entry("keys.follow_teams", 60.0, expires=50),
        "courses.end_due": _entry("courses.end_due", 60.0, expires=50),
        "keys.refresh_models": _entry("keys.refresh_models", 60.0, expires=50),
        "catalogue.measure_health": _entry("catalogue.measure_health", 60.0, expires=50),
        "approvals.apply_grants": _entry("approvals.apply_grants", 30.0, expires=25),  # a grant ends within a minute
        "approvals.send_mails": _entry("approvals.send_mails", 60.0, expires=50),
        "keys.remind": _entry("keys.remind", crontab(minute=20), expires=3000),
        # Sent when an admin reminds people; this continues interrupted runs.
        "keys.send_reminders": _entry("keys.send_reminders", crontab(minute="4-59/10"), expires=500),
        # Sent when a supervisor left; this continues interrupted runs.
        "keys.mail_leaves": _entry("keys.mail_leaves", crontab(minute="3-59/10"), expires=500),
        # Sent when a leak was reported; this continues interrupted runs.
        "keys.mail_leaks": _entry("keys.mail_leaks", crontab(minute="1-59/10"), expires=500),
        # Sent when the limits of an intern's key were changed; this continues interrupted runs.
        "keys.mail_limit_changes": _entry("keys.mail_limit_changes", crontab(minute="6-59/10"), expires=500),
        # Sent when somebody has got keys that were made outside; this continues interrupted runs.
        "keys.mail_gifts": _entry("keys.mail_gifts", crontab(minute="2-59/10"), expires=500),
        # Sent when people are invited; this continues interrupted runs.
        "accounts.send_invitations": _entry("accounts.send_invitations", crontab(minute="*/5"), expires=240),
        # Once a day each; the later runs continue interrupted ones.
        "accounts.send_daily_mails": _entry("accounts.send_daily_mails", crontab(hour="5-8", minute=25), expires=3000),
        "usage.today": _entry(refresh, float(usage_poll_s), args=["today"], expires=usage_poll_s),
        "usage.recent": _entry(refresh, crontab(minute=7), args=["recent"], expires=3000),
        "usage.nightly": _entry(refresh, crontab(hour=2, minute=13), args=["nightly"], expires=6 * 3600),
        "usage.backfill": _entry("usage.backfill", crontab(minute="*/10"), args=[20], expires=500),  # usage.tasks.TRIES
        # All of 400 days within some nights.
        "usage.older": _entry("usage.reread_older_days", crontab(hour="1-6", minute=37), expires=3000),
        "usage.warn": _entry("usage.warn_of_budgets", crontab(minute="*/15"), expires=800),
        # Sent after each poll that changed something; this continues interrupted runs.
        "usage.unusual": _entry("usage.warn_of_unusual_spend", crontab(minute="9-59/15"), expires=800),
        # Once a week or month each; the later runs continue interrupted ones.
        "usage.mail_views": _entry("usage.mail_views", crontab(hour="5-8", minute=47), expires=3000),
        "usage.alert_operators": _entry("usage.alert_operators", crontab(minute="*/10"), expires=500),
        # Sent when a teacher writes; this continues interrupted runs.
        "teaching.send_messages": _entry("teaching.send_messages", crontab(minute="*/5"), expires=240),
        "usage.reconcile": _entry("usage.reconcile", crontab(hour=4, minute=41)),
        "usage.prune": _entry("usage.prune", crontab(hour=3, minute=29)),
        "accounts.prune_sign_ins": _entry("accounts.prune_sign_ins", crontab(minute=44), expires=3000),
        # Each run does all that is left of the night.
        "people.check_leaving": _entry("people.check_leaving", crontab(hour="1-5", minute=52), expires=3000),
        # Sent when somebody is put on the list; this continues interrupted runs.
        "people.mail_leaving": _entry("people.mail_leaving", crontab(minute="8-59/10"), expires=500),
        # Reads what is due: URLs every two hours, and files that have changed.
        "accounts.refresh_saml_metadata": _entry("accounts.refresh_saml_metadata", crontab(minute="*/10"), expires=500),
        # Sent when something happened; this continues interrupted runs, and tries again what failed.
        "webhooks.deliver": _entry("webhooks.deliver", 30.0, expires=25),
        "webhooks.note_expired": _entry("webhooks.note_expired", 60.0, expires=50),
        "webhooks.prune": _entry("webhooks.prune", crontab(hour=3, minute=44), expires=3000),
        "api.prune": _entry("api.prune", crontab(hour=3, minute=38), expires=3000),
        "playground.prune": _entry("playground.prune", crontab(minute=50), expires=3000),
        "playground.settle": _entry("playground.settle", 60.0, expires=50),
        # Sent when a batch starts; this continues interrupted runs, and those that wait for a rate limit.
        "playground.run_batches": _entry("playground.run_batches", 30.0, expires=25),
    }


def _entry(
    task: str, schedule: crontab | float, *, args: list[str | int] | None = None, expires: int | None = None
) -> dict[str, Any]:
    """Return one entry for Celery; `expires` in seconds, None: never."""
    options = {} if expires is None else {"options": {"expires": expires}}
    return {"task": task, "schedule": schedule, **({"args": args} if args else {}), **options}
