"""The queues of tasks: those that wait for minutes, for the gateway or for receivers, have a queue of their own."""

from django.conf import settings

from portal.celery import app

POLLS = {
    "usage.today",
    "usage.recent",
    "usage.nightly",
    "usage.reread_older_days",
    "usage.backfill",
    "usage.reconcile",
    "keys.sync",
}


def queue_of(task: str) -> str:
    return str(app.amqp.router.route({}, task)["queue"].name)


def test_a_slow_poll_does_not_delay_health_sweep_or_mails() -> None:
    for name, entry in settings.CELERY_BEAT_SCHEDULE.items():
        task = str(entry["task"])
        is_poll = name in POLLS or task.startswith("usage.refresh")
        others = "webhooks" if name == "webhooks.deliver" else "celery"
        assert queue_of(task) == ("polls" if is_poll else others), name
    assert queue_of("usage.refresh_now") == "polls"


def test_a_worker_without_options_takes_all_queues() -> None:
    assert set(app.amqp.queues.consume_from) == {"celery", "polls", "webhooks"}
