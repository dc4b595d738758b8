"""What each state of a part of the portal means for an admin, and what to do about it."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the portal needs: its name and state as in `/healthz/ready`, and words in the reader's language."""

    name: str
    state: str
    title: Text
    problem: Text = ""  # empty when it is up
    advice: Text = ""

    @property
    def is_up(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.state == "up"


TITLES: Final[dict[str, Text]] = {
    "database": _("Database"),
    "broker": _("Task queue"),
    "static": _("Static files"),
    "gateway": _("Gateway"),
    "admin_key": _("Admin key"),
    "identity": _("Identity of the gateway"),
    "worker": _("Background tasks (worker)"),
    "beat": _("Scheduler (beat)"),
    "queue": _("Waiting tasks"),
    "sweep": _("Sweep of keys"),
    "poll": _("Usage data"),
    "mail": _("Mail server"),
}
WORDS: Final[dict[tuple[str, str], tuple[Text, Text]]] = {  # of a part and its state: the problem, what to do
    ("database", "down"): (
        _("PostgreSQL does not answer."),
        _("Start it and check DATABASE_URL. Pages work again by themselves."),
    ),
    ("broker", "down"): (
        _("The queue of tasks does not answer. Mails, data updates and repairs wait."),
        _("Start Redis and check REDIS_URL. Workers connect again by themselves."),
    ),
    ("static", "missing"): (
        _("Static files were not collected on this node."),
        _("Run collectstatic and restart the web server."),
    ),
    ("gateway", "down"): (
        _("The gateway does not answer."),
        _("Start LiteLLM and check GATEWAY_URL. No key can be created or changed until then."),
    ),
    ("gateway", "slow"): (
        _("The gateway did not answer within a second."),
        _("Check the load of LiteLLM and of its database."),
    ),
    ("admin_key", "refused"): (
        _("The gateway does not accept GATEWAY_ADMIN_KEY."),
        _("Set a key that LiteLLM accepts as an admin’s, then restart the portal."),
    ),
    ("identity", "changed"): (
        _("The gateway is not the one that the portal knows. Nothing is read from it or changed there."),
        _("Check GATEWAY_URL, then run check_gateway."),
    ),
    ("worker", "missing"): (
        _("No worker is running. Mails, data updates and repairs wait."),
        _("Start the worker: systemctl start passerelle-worker. If it ends again, read its log."),
    ),
    ("worker", "incomplete"): (
        _("Some kinds of tasks are taken by no worker."),
        _("Start the other workers, or one worker without the option -Q."),
    ),
    ("worker", "late"): (
        _("A worker is running, but has not finished a task for three minutes."),
        _("Read its log for a task that hangs, then restart it: systemctl restart passerelle-worker."),
    ),
    ("beat", "missing"): (
        _("The scheduler is not running. No task is started by itself."),
        _("Start it: systemctl start passerelle-beat. If it ends again, read its log."),
    ),
    ("queue", "late"): (
        _("Tasks have been waiting for more than five minutes."),
        _("Check the worker. If it is only slow, raise WORKER_CONCURRENCY or start a second one."),
    ),
    ("sweep", "late"): (
        _("The sweep that repairs keys has not succeeded for 15 minutes."),
        _("Check worker and gateway first, then read the worker’s log for keys.sweep."),
    ),
    ("poll", "failing"): (
        _("Usage data could not be read for 15 minutes."),
        _("Check the gateway, then read the worker’s log for usage.refresh_facts."),
    ),
    ("poll", "late"): (
        _("Usage data has not been updated for 15 minutes."),
        _("Check worker and scheduler."),
    ),
    ("mail", "down"): (
        _("The mail server does not answer. Mails wait in their queues."),
        _("Check EMAIL_URL and the mail server. Waiting mails are sent when it works again."),
    ),
    ("mail", "slow"): (
        _("The mail server did not answer within a second."),
        _("Check EMAIL_URL and the mail server."),
    ),
}
UNKNOWN: Final[tuple[Text, Text]] = (
    _("Its state is not known yet."),
    _("Wait a minute after the first start. While the database is away, no other part is checked."),
)


def part(name: str, state: str) -> Part:
    """Return a part with the words for its state."""
    title = TITLES.get(name, name)
    if state == "up":
        return Part(name, state, title)
    return Part(name, state, title, *WORDS.get((name, state), UNKNOWN))
