"""When beat sends which task. A message that nobody took in time is dropped (`expires`, in seconds)."""

from typing import Any

from celery.schedules import crontab


def beat_schedule(*, usage_poll_s: int) -> dict[str, dict[str, Any]]:
    """Return `CELERY_BEAT_SCHEDULE`."""
    return {
        "keys.sweep": {"task": "keys.sweep", "schedule": crontab(minute="*/5"), "options": {"expires": 240}},
        "keys.sync": {"task": "keys.sync", "schedule": crontab(minute="*/15"), "options": {"expires": 840}},
        "keys.apply_policies": {  # sent when a policy is saved; this takes up what was cut short
            "task": "keys.apply_policies",
            "schedule": crontab(minute=33),
            "options": {"expires": 3000},
        },
        "keys.refresh_models": {"task": "keys.refresh_models", "schedule": 60.0, "options": {"expires": 50}},
        "keys.remind": {"task": "keys.remind", "schedule": crontab(minute=20), "options": {"expires": 3000}},
        "usage.today": {
            "task": "usage.refresh_facts",
            "args": ["today"],
            "schedule": float(usage_poll_s),
            "options": {"expires": usage_poll_s},
        },
        "usage.recent": {
            "task": "usage.refresh_facts",
            "args": ["recent"],
            "schedule": crontab(minute=7),
            "options": {"expires": 3000},
        },
        "usage.nightly": {
            "task": "usage.refresh_facts",
            "args": ["nightly"],
            "schedule": crontab(hour=2, minute=13),
            "options": {"expires": 6 * 3600},
        },
        "usage.backfill": {
            "task": "usage.backfill",
            "args": [20],  # usage.tasks.TRIES
            "schedule": crontab(minute="*/10"),
            "options": {"expires": 500},
        },
        "usage.older": {  # all of 400 days within some nights
            "task": "usage.reread_older_days",
            "schedule": crontab(hour="1-6", minute=37),
            "options": {"expires": 3000},
        },
        "usage.warn": {
            "task": "usage.warn_of_budgets",
            "schedule": crontab(minute="*/15"),
            "options": {"expires": 800},
        },
        "usage.alert_operators": {
            "task": "usage.alert_operators",
            "schedule": crontab(minute="*/10"),
            "options": {"expires": 500},
        },
        "usage.reconcile": {"task": "usage.reconcile", "schedule": crontab(hour=4, minute=41)},
        "usage.prune": {"task": "usage.prune", "schedule": crontab(hour=3, minute=29)},
        "playground.prune": {"task": "playground.prune", "schedule": crontab(minute=50), "options": {"expires": 3000}},
        "playground.settle": {"task": "playground.settle", "schedule": 60.0, "options": {"expires": 50}},
    }
