"""A key's state for people: a word, an icon, a colour, and a sentence with dates."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import BudgetPeriod
from accounts.models.group_spend import month_first_day
from keys.budget_days import next_period_day
from keys.catalogue import gateway_state
from keys.models import Key, Token
from keys.renewal import ends_with_stay, renewable_from
from web.templatetags.portal import day, moment

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


NEEDS_OWNER = ("blocked", "paused", "expired", "expires_soon", "nearly_used", "unknown", "failed")  # worst first


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """The budget that stops a key first and is used up or nearly: its own, or its owner's for all keys."""

    is_used_up: bool
    resets_on: date | None  # at the start of that day, UTC; None: only the gateway knows
    of_person: bool
    group: str = ""  # whose monthly budget it is; it stops the keys of all members


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`tone` is one of ok, warn, bad, info, odd, idle; only warn and bad are filled with colour."""

    code: str
    word: "str | StrPromise"
    icon: str
    tone: str
    sentence: str

    @property
    def needs_owner(self) -> bool:
        """Tell whether the owner should act."""
        return self.code in NEEDS_OWNER


WORDS: dict[str, tuple["StrPromise", str, str]] = {
    "active": (gettext_lazy("Active"), "ok", "ok"),
    "paused": (gettext_lazy("Paused"), "clock", "bad"),
    "paused_by_owner": (gettext_lazy("Paused by owner"), "stop", "idle"),
    "nearly_used": (gettext_lazy("Budget nearly used"), "warn", "warn"),
    "expires_soon": (gettext_lazy("Expires soon"), "clock", "warn"),
    "expired": (gettext_lazy("Expired"), "ended", "idle"),
    "idle": (gettext_lazy("Idle"), "ended", "idle"),
    "replacing": (gettext_lazy("Old secret still works"), "rotate", "info"),
    "frozen": (gettext_lazy("Course frozen"), "stop", "idle"),
    "blocked": (gettext_lazy("Blocked"), "warn", "bad"),
    "issuing": (gettext_lazy("Being created"), "clock", "info"),
    "unknown": (gettext_lazy("Checking with the gateway"), "warn", "warn"),
    "deleting": (gettext_lazy("Being deleted"), "clock", "info"),
    "deleted": (gettext_lazy("Deleted"), "ended", "idle"),
    "failed": (gettext_lazy("Not created"), "ended", "idle"),
    "external": (gettext_lazy("Created outside"), "out", "odd"),
}


SENTENCES: dict[str, "StrPromise"] = {  # of states without dates
    "issuing": gettext_lazy("Checking with the gateway."),
    "unknown": gettext_lazy(
        "We do not know yet whether the key was created. If it was, nobody has seen its secret, and we will "
        "delete it %(soon)s."
    ),
    "deleting": gettext_lazy("The gateway has not confirmed it yet. %(again)s"),
    "blocked": gettext_lazy("The gateway refuses it. Contact the administrators."),
    "frozen": gettext_lazy("The gateway refuses it until a teacher ends the freeze."),
    "idle": gettext_lazy("It expired. The Playground renews it when you use it again."),
}


def status_of(key: Key, budget: BudgetUse | None = None) -> Status:
    """Return the status of `key`, whose tokens were prefetched; `budget` if one is used up or nearly."""
    budget = _with_block(key, budget)
    brief = brief_status_of(key, budget)
    by_budget = budget is not None and brief.code in ("paused", "nearly_used")
    return replace(brief, sentence=_budget_sentence(budget) if budget and by_budget else _sentence(key, brief.code))


class TokenSummary(NamedTuple):
    """What a status depends on of a key's tokens: for lists, which need not load them."""

    is_lost: bool  # the answer to the creation was
    is_retiring: bool  # one of them is, after a rotation


def brief_status_of(key: Key, budget: BudgetUse | None = None, tokens: TokenSummary | None = None) -> Status:
    """Return the status without its sentence, which may cost a query; without `tokens`, the key has its own loaded."""
    if tokens is None:
        own = key.own_tokens
        is_retiring = any(token.state == Token.State.RETIRING for token in own)
        tokens = TokenSummary(any(token.answer_lost for token in own), is_retiring)
    code = _code(key, _with_block(key, budget), tokens)
    word, icon, tone = WORDS[code]
    return Status(code=code, word=word, icon=icon, tone=tone, sentence="")


def _with_block(key: Key, budget: BudgetUse | None) -> BudgetUse | None:
    """Return the budget that stops the key: also one that the portal enforces, until the next poll updates it."""
    if key.blocked_for_budget and not (budget and budget.is_used_up):
        return BudgetUse(is_used_up=True, resets_on=None, of_person=True)
    return budget


def _code(key: Key, budget: BudgetUse | None, tokens: TokenSummary) -> str:
    """Return the most urgent state of a key."""
    if key.state == Key.State.ISSUING:
        return "unknown" if tokens.is_lost else "issuing"
    if key.state != Key.State.ACTIVE:
        return str(key.state)
    if key.is_paused:
        return "paused_by_owner"
    if key.blocked and key.blocked_for_team:
        return "frozen"
    if key.blocked and not key.blocked_for_budget:
        return "blocked"
    if key.kind == Key.Kind.EXTERNAL:
        return "external"
    by_time = _code_by_time(key, tokens)
    if budget and budget.is_used_up and by_time not in ("expired", "idle"):
        return "paused"
    return "nearly_used" if budget and by_time == "active" else by_time


def _code_by_time(key: Key, tokens: TokenSummary) -> str:
    """Return the state of an active key by its dates."""
    now = timezone.now()
    if key.expires_at and key.expires_at <= now:
        return "idle" if key.kind == Key.Kind.PLAYGROUND else "expired"
    if tokens.is_retiring:
        return "replacing"
    if key.kind == Key.Kind.PLAYGROUND or key.team_id:  # its end needs no attention: it is renewed, or the course's
        return "active"
    near = renewable_from(key)
    if near and near <= now:
        return "expires_soon"
    return "active"


def _sentence(key: Key, code: str) -> str:
    """Say until when, since when, or what happens next."""
    if code == "paused_by_owner":
        return _("on %(day)s. The gateway refuses it until it is resumed.") % {"day": day(key.paused_at)}
    if code == "failed":
        return str(key.get_problem_display())
    if code == "blocked" and key.team_id:
        return _("The gateway refuses it. Contact your teacher or the administrators.")
    if code in ("unknown", "deleting"):
        return str(SENTENCES[code]) % promises()
    if code in SENTENCES:
        return str(SENTENCES[code])
    if code == "deleted":
        since = _("The gateway has refused it since %(when)s.") % {"when": moment(key.ended_at)}
        return f"{since} {key.get_problem_display()}".strip()
    return _life_sentence(key, code)


def group_used_up(group: str, first_day: date) -> str:
    """Say to a member that the group has used its budget of the month since `first_day`, and when keys work again."""
    words = _("Your group %(group)s has used its budget for %(month)s. Keys work again on %(day)s (UTC).")
    return words % group_budget_values(group, first_day)


def group_budget_values(group: str, first_day: date) -> dict[str, str]:
    """Return the values of a sentence about a group's budget of the month since `first_day`."""
    month = formats.date_format(first_day, "F")
    return {"group": group, "month": month, "day": day(next_period_day(BudgetPeriod.MONTH, first_day))}


def _budget_sentence(budget: BudgetUse) -> str:
    """Say whose budget is used up or nearly, and when it resets."""
    if budget.group:
        return group_used_up(budget.group, month_first_day())
    if budget.is_used_up:
        words = _("Your budget for all keys together is used up.") if budget.of_person else _("Its budget is used up.")
        again = _("It works again on %(day)s (UTC).")
    else:
        words = _("Little is left of your budget for all keys together.") if budget.of_person else ""
        again = _("Once its budget is used up, it pauses until %(day)s (UTC).")
    return f"{words} {again % {'day': day(budget.resets_on)} if budget.resets_on else ''}".strip()


def promises() -> dict[str, str]:
    """Return when the sweep comes, as `soon` within a sentence and as the sentence `again`; one query."""
    return promises_while(stopped=gateway_state().is_outdated)


def promises_while(*, stopped: bool) -> dict[str, str]:
    """Return the texts of `promises`; without running background tasks, nothing is promised."""
    if stopped:
        return {
            "soon": _("once the portal’s background work, which has stopped, is running again"),
            "again": _("We will try again once the portal’s background work, which has stopped, is running again."),
        }
    return {"soon": _("within 5 minutes"), "again": _("We try again every 5 minutes.")}


def _life_sentence(key: Key, code: str) -> str:
    """Say when a key ends, or ended, and until when it can be renewed."""
    if key.expires_at is None:
        return _("never expires")
    words = {"day": day(key.expires_at), "distance": distance(key.expires_at)}
    if code == "expired" and key.team_id:
        return _("on %(day)s, %(distance)s, with the course") % words
    if code == "expired" and ends_with_stay(key):
        return (
            _("on %(day)s, %(distance)s, at the end of the intern’s stay. To renew it, change the end of the stay.")
            % words
        )
    if code == "expired":
        last = key.expires_at + timedelta(days=settings.KEY_RENEW_AFTER_DAYS)
        return _("on %(day)s, %(distance)s. Can be renewed until %(until)s") % {**words, "until": day(last)}
    if code == "expires_soon" and ends_with_stay(key):
        return _("on %(day)s, %(distance)s, at the end of the intern’s stay") % words
    if code == "expires_soon":
        return _("on %(day)s, %(distance)s") % words
    return until(key.expires_at)


def until(when: datetime) -> str:
    """Format a duration: "until 25 Nov 2026, in 30 days"."""
    return _("until %(day)s, %(distance)s") % {"day": day(when), "distance": distance(when)}


def distance(when: datetime) -> str:
    """Format how far off a time is: "in 30 days", "2 hours ago"; in the nearest whole unit."""
    seconds = (when - timezone.now()).total_seconds()
    length = _length(int(abs(seconds)))
    return _("in %(length)s") % {"length": length} if seconds >= 0 else _("%(length)s ago") % {"length": length}


def _length(seconds: int) -> str:
    """Format a length of time in its largest unit."""
    days, hours, minutes = (round(seconds / unit) for unit in (86400, 3600, 60))
    if hours >= 48:
        return ngettext("%d day", "%d days", days) % days
    if minutes >= 60:
        return ngettext("%d hour", "%d hours", hours) % hours
    return ngettext("%d minute", "%d minutes", minutes) % minutes
