"""How each part of the portal does: what `/healthz/ready` says, with facts, and what only administrators read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.mail_record import MailRecord, mail_record
from keys.catalogue import gateway_state
from keys.heartbeat import last_ok
from keys.models import GatewayState, TaskRun
from portal.status.failures import failed_runs
from portal.status.surroundings import CHECKS, Checks, Disk, Surroundings, surroundings
from usage.models import UsageState
from web import health, health_words
from web.templatetags.portal import ago, moment

Text = str | Promise
LOW_PERCENT, LOW_BYTES = 10.0, 2 * 2**30  # of a disk: both, as a tenth of a large one is plenty
FULL_BYTES: Final = 200 * 2**20
TONES: Final = {"up": "ok", "unknown": "idle", "slow": "warn", "late": "warn", "incomplete": "warn"}  # others: bad
STATE_WORDS: Final = {
    "up": gettext_lazy("Works"),
    "unknown": gettext_lazy("Not known"),
    "slow": gettext_lazy("Slow"),
    "late": gettext_lazy("Late"),
    "incomplete": gettext_lazy("Incomplete"),
    "missing": gettext_lazy("Missing"),
    "down": gettext_lazy("Does not answer"),
    "failing": gettext_lazy("Fails"),
    "refused": gettext_lazy("Refused"),
    "changed": gettext_lazy("Changed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: `tone` is ok, warn, bad or idle, `word` says the same; the last two are empty where all is well."""

    name: str
    title: Text
    tone: str
    word: Text
    facts: Sequence[str] = ()
    problem: Text = ""
    advice: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalStatus:
    """All parts, and what they were read from."""

    parts: list[Part]
    states: Mapping[str, str]  # as in /healthz/ready
    gateway: GatewayState
    usage: UsageState
    mail: MailRecord
    failed: list[TaskRun]
    around: Surroundings

    @property
    def problems(self) -> list[Part]:
        """Return the parts that need attention, the worst first."""
        wrong = [part for part in self.parts if part.tone in ("warn", "bad")]
        return sorted(wrong, key=lambda part: part.tone != "bad")

    @property
    def unknown(self) -> list[Part]:
        """Return the parts of which nothing is known yet, though something should be."""
        return [part for part in self.parts if part.tone == "idle" and part.problem]


def portal_status(checks: Checks = CHECKS) -> PortalStatus:
    """Check all parts: a few seconds at most, whatever hangs."""
    report, around = health.report(), surroundings(checks)
    gateway, usage, mail, failed = gateway_state(), UsageState.load(), mail_record(), failed_runs()
    facts: dict[str, Callable[[], list[str]]] = {
        "gateway": lambda: _gateway_facts(gateway),
        "queue": lambda: _queue_facts(around),
        "poll": lambda: _usage_facts(usage),
        "sweep": lambda: [
            _("Last success: %(when)s") % {"when": ago(done)} for done in [last_ok("keys.sweep")] if done
        ],
    }
    parts = [_checked(part, facts.get(part.name, list)()) for part in report]
    others = [_mails(mail), _tasks(failed), *_disks(around)]
    return PortalStatus(
        parts=[*parts, *([] if any(part.name == "queue" for part in report) else [_queues(around)]), *others],
        states={part.name: part.state for part in report},
        gateway=gateway,
        usage=usage,
        mail=mail,
        failed=failed,
        around=around,
    )


def _checked(part: health_words.Part, facts: list[str]) -> Part:
    """Return a part of the health checks."""
    tone = TONES.get(part.state, "bad")
    word = STATE_WORDS.get(part.state, part.state)
    return Part(
        name=part.name,
        title=part.title,
        tone=tone,
        word=word,
        facts=facts,
        problem=part.problem,
        advice=part.advice,
    )


def _gateway_facts(state: GatewayState) -> list[str]:
    facts = [_("Last check: %(when)s") % {"when": ago(state.checked_at)}] if state.checked_at else []
    return facts + ([_("No answer since %(when)s") % {"when": moment(state.down_since)}] if state.down_since else [])


def _usage_facts(state: UsageState) -> list[str]:
    facts = [_("Last success: %(when)s") % {"when": ago(state.last_ok_at)}] if state.last_ok_at else []
    return facts + (
        [_("Failing since %(when)s") % {"when": moment(state.failing_since)}] if state.failing_since else []
    )


def _queue_facts(around: Surroundings) -> list[str]:
    return [
        ngettext("%(queue)s: %(number)d task waits", "%(queue)s: %(number)d tasks wait", number)
        % {"queue": queue, "number": number}
        for queue, number in (around.queues or {}).items()
    ]


def _queues(around: Surroundings) -> Part:
    known = "unknown" if around.queues is None else "up"
    facts = _queue_facts(around)
    return Part(name="queues", title=_("Queues"), tone=TONES[known], word=STATE_WORDS[known], facts=facts)


def _mails(record: MailRecord) -> Part:
    facts = [_("Last mail: %(when)s") % {"when": ago(record.sent_at)}] if record.sent_at else []
    if record.failed_at:
        words = _("Last failure: %(when)s (%(problem)s)")
        facts.append(words % {"when": ago(record.failed_at), "problem": record.problem})
    title = _("Sending of mails")
    if record.is_failing:
        return Part(
            name="mails",
            title=title,
            tone="bad",
            word=STATE_WORDS["failing"],
            facts=facts,
            problem=_("The last mail could not be sent."),
            advice=_("Check EMAIL_URL and the mail server, then send a test mail from the setup checklist."),
        )
    known = "up" if record.sent_at else "unknown"
    return Part(name="mails", title=title, tone=TONES[known], word=STATE_WORDS[known], facts=facts)


def _tasks(failed: list[TaskRun]) -> Part:
    title = _("Tasks of the last day")
    if not failed:
        return Part(name="tasks", title=title, tone="ok", word=_("None failed"))
    return Part(
        name="tasks",
        title=title,
        tone="warn",
        word=_("Some failed"),
        facts=[f"{run.name} ({ago(run.ended_at)})" for run in failed],
        problem=_("Some tasks failed at their last run."),
        advice=_("Read the worker’s log for their names. A task leaves the list when it succeeds."),
    )


def _disks(around: Surroundings) -> list[Part]:
    if around.disks is not None:
        return [_disk(disk) for disk in around.disks]
    problem, advice = _("The disk did not answer within a second."), _("Check the server and the storage of its files.")
    title = _("Disk")
    return [Part(name="disk", title=title, tone="warn", word=STATE_WORDS["slow"], problem=problem, advice=advice)]


def _disk(disk: Disk) -> Part:
    title = _("Disk of %(folders)s") % {"folders": ", ".join(disk.folders)}
    sizes = {"free": filesizeformat(disk.free_bytes), "total": filesizeformat(disk.total_bytes)}
    facts = [_("%(free)s of %(total)s free") % sizes]
    is_full = disk.free_bytes < FULL_BYTES
    if not is_full and (disk.free_bytes >= LOW_BYTES or disk.free_percent >= LOW_PERCENT):
        return Part(name="disk", title=title, tone="ok", word=_("Enough space"), facts=facts)
    return Part(
        name="disk",
        title=title,
        tone="bad" if is_full else "warn",
        word=_("Full") if is_full else _("Nearly full"),
        facts=facts,
        problem=_("There is little space left."),
        advice=_("Delete old logs and backups, or enlarge the disk."),
    )
