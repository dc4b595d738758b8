"""Numbers of usage as pages write them, with explanations in words. Filters, and plain functions too."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from django import template
from django.contrib.auth.models import Group
from django.utils import formats
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_noop, ngettext, pgettext
from django.utils.translation import gettext as _

from accounts.models import Policy
from keys.identity import MESSAGES
from keys.status import group_used_up
from keys.use import KeyUse
from usage.models import Anomaly, Discrepancy, Notice, PollRun
from usage.periods import Period, budget_reset_day
from usage.queries.overview import Overview
from usage.queries.sums import Sums
from web.amounts import only_usd_number, usd, usd_limit, usd_number, with_unit
from web.currency import shown_amount
from web.templatetags.portal import NO_BREAK_SPACE, moment, tokens

register = template.Library()

SHORT_FROM: Final = 1_000_000  # such counts are written in millions


# --- Numbers ------------------------------------------------------------------------------------------
@register.filter
def short_count(count: int | None) -> SafeString | str:
    """Return a count of any size in a few digits: "110,000", "1.92 million", "3.40 billion"."""
    if count is None or abs(count) < SHORT_FROM:
        return tokens(count)
    millions = _short(count, 10**6)
    number, unit = (millions, _("million")) if abs(millions) < 1000 else (_short(count, 10**9), _("billion"))
    return format_html('{} <span class="unit">{}</span>', formats.number_format(number, force_grouping=True), unit)


def _short(count: int, size: int) -> Decimal:
    """Return the count in this unit, with three digits: 1.92, 19.2, 192."""
    number = Decimal(count) / size
    for places in (2, 1):
        rounded = round(number, places)
        if abs(rounded) < 10 ** (3 - places):
            return rounded
    return Decimal(round(number))


@register.filter
def about_usd(amount: Decimal) -> str:
    """Return an approximate amount: "277 USD", "4.31 USD"."""
    shown = shown_amount(amount)
    return with_unit(tokens(round(shown))) if abs(shown) >= 100 else usd(amount)


@register.filter
def percent(share: float | None) -> str:
    """Return a share of 0 to 1 as "1.2 %"; "" when there is none."""
    return _percent(round(share * 100, 1) or 0.0, get_language()) if share is not None else ""


@lru_cache(maxsize=2048)  # a chart names each part's share of each day, of a thousand different ones
def _percent(number: float, _language: str | None) -> str:
    """Return a percentage in a language, which must be the present one."""
    return f"{formats.number_format(number, 1)}{NO_BREAK_SPACE}%"


@register.filter
def seconds(length_s: float | None) -> str:
    """Return a length of time without its unit, "1.8"; a dash when there is none."""
    return formats.number_format(round(length_s, 1), 1) if length_s is not None else "–"


# --- Days ---------------------------------------------------------------------------------------------
@register.filter
def long_day(day: date) -> str:
    """Return a UTC day as "22 October"."""
    return _long_day(day, get_language())


@lru_cache(maxsize=4096)
def _long_day(day: date, _language: str | None) -> str:
    """Return a day in a language, which must be the present one."""
    # Translators: a format of the `date` filter
    shape = pgettext("first day", "j F") if day.day == 1 else pgettext("day", "j F")
    return formats.date_format(day, shape).replace(" ", NO_BREAK_SPACE)


@register.filter
def month_name(day: date) -> str:
    """Return the month of a day, at the beginning of a sentence."""
    return formats.date_format(day, "F").capitalize()


@register.filter
def month_and_year(day: date) -> str:
    """Return a month as "November 2026"."""
    return formats.date_format(day, pgettext("month of a year", "F Y"))


@register.filter
def iso_exact(when: datetime) -> str:
    """Return a moment for an address, to the microsecond."""
    return when.isoformat()


# --- Sentences ----------------------------------------------------------------------------------------
@register.filter
def change(numbers: Overview) -> str:
    """Compare the spend with that of the period before: "0.62 more than the 30 days before"."""
    words = {"amount": usd_number(abs(numbers.change_usd)), "period": _before(numbers.period)}
    if not numbers.before.requests and not numbers.before.spend_usd:
        return _("nothing the day before") if numbers.period.length == 1 else _("nothing in %(period)s") % words
    if not numbers.change_usd:
        return _("as much as %(period)s") % words
    if numbers.change_usd > 0:
        return _("%(amount)s more than %(period)s") % words
    return _("%(amount)s less than %(period)s") % words


def _before(period: Period) -> str:
    """Say which period it is compared with."""
    if period.name == "month":
        return _("the same days of the month before")
    if period.name == "last-month":
        return _("the month before")
    days = period.previous().length
    return ngettext("the day before", "the %(days)d days before", days) % {"days": days}


@register.filter
def requests_words(sums: Sums) -> str:
    """Return "1,284 requests"."""
    return ngettext("%(count)s request", "%(count)s requests", sums.requests) % {"count": tokens(sums.requests)}


@register.filter
def failed_words(sums: Sums) -> str:
    """Return "15 failed, 1.2 %"."""
    if not sums.failed_requests:
        return _("none failed")
    return _("%(count)s failed, %(share)s") % {
        "count": tokens(sums.failed_requests),
        "share": percent(sums.failed_share),
    }


@register.filter
def model_words(name: str | None) -> str:
    """Return the name of a series, or a model: None is the rest of them, "" an unreported one."""
    if name is None:
        return _("other")
    return name or _("no model")


@register.filter
def budget_words(use: KeyUse) -> str:
    """Say how much of a key's budget is used, and what happens next, and when."""
    words = {
        "spent": usd_number(use.spent_usd),
        "budget": usd(use.budget_usd),
        "day": long_day(use.resets_on) if use.resets_on else "",
    }
    if use.tone == "bad":
        return _("%(spent)s of %(budget)s used. This key pauses until %(day)s (UTC).") % words
    if use.tone == "warn":
        return (
            _("%(spent)s of %(budget)s used. Once the budget is used up, the key pauses until %(day)s (UTC).") % words
        )
    return _("%(spent)s of %(budget)s used, resets on %(day)s (UTC)") % words


@register.filter
def notice_words(notice: Notice) -> str:
    """Say how much of a budget is spent, and what happens next."""
    words = {
        "spent": usd_number(notice.spent_usd),
        "budget": usd_limit(notice.budget_usd),
        "label": notice.key.label if notice.key else "",
        "percent": notice.threshold,
    }
    if notice.group and notice.of_person:
        return group_used_up(notice.group.name, notice.period_first_day)
    if notice.of_person:
        return _("%(percent)d %% of your budget for all keys together is spent: %(spent)s of %(budget)s.") % words
    if notice.group:
        return _group_words(notice.group, words)
    if notice.key is None:
        spent = _("%(percent)d %% of the portal’s monthly budget is spent: %(spent)s of %(budget)s.") % words
        return " ".join((spent, _("This budget only warns; nothing stops.")))
    reset = budget_reset_day(notice.key.budget_period, notice.period_first_day)
    words["day"] = long_day(reset) if reset else _("its reset")
    if notice.threshold >= 100:
        spent = _("The budget of “%(label)s” is used: %(spent)s of %(budget)s.") % words
        return " ".join((spent, _("The key pauses until %(day)s (UTC).") % words))
    spent = _("%(percent)d %% of the budget of “%(label)s” is used: %(spent)s of %(budget)s.") % words
    return " ".join((spent, _("Once the budget is used up, the key pauses until %(day)s (UTC).") % words))


def _group_words(group: Group, words: Mapping[str, object]) -> str:
    spent = _("%(percent)d %% of the monthly budget of the group “%(group)s” is spent: %(spent)s of %(budget)s.")
    policy: Policy | None = getattr(group, "policy", None)
    if policy is None or not policy.group_budget_stops:
        after = _("This budget only warns; nothing stops.")
    elif words["percent"] == 100:
        after = _("The keys of its members are stopped until the month ends or the budget is raised.")
    else:
        after = _("Once it is used up, the keys of its members stop until the month ends.")
    return " ".join((spent % {**words, "group": group.name}, after))


@register.filter
def notices_words(notices: Sequence[Notice]) -> str:
    """Describe notices about budgets: a single one in full, several by their number."""
    if len(notices) == 1:
        return notice_words(notices[0])
    of_portal = [notice_words(notice) for notice in notices if notice.key is None]
    used = sum(notice.threshold >= 100 for notice in notices if notice.key)
    nearly = len(notices) - len(of_portal) - used
    words = []
    if used:
        words += [ngettext("%(used)d key has used up its budget", "%(used)d keys have used up their budget", used)]
    if nearly and not used:
        words += [
            ngettext(
                "%(nearly)d key has nearly used its budget", "%(nearly)d keys have nearly used their budget", nearly
            )
        ]
    elif nearly:
        words += [ngettext("%(nearly)d has nearly", "%(nearly)d have nearly", nearly)]
    of_keys = ", ".join(words) % {"used": used, "nearly": nearly}
    return " ".join([*of_portal, f"{of_keys}."] if of_keys else of_portal)


@register.filter
def notices_tone(notices: Sequence[Notice]) -> str:
    """Return the severity of the worst of them: "bad" or "warn"."""
    return "bad" if any(notice.threshold >= 100 for notice in notices) else "warn"


OUR_PROBLEMS: Final = {  # recorded by usage/services/refresh.py itself
    gettext_noop("It was interrupted."),
    gettext_noop("It failed unexpectedly: the worker’s log says why."),
    gettext_noop("Another update is under way."),
    *MESSAGES.values(),
}


@register.filter
def problem_words(problem: str) -> SafeString | str:
    """Say why a run failed: in the reader's language if the problem is ours, otherwise in the gateway's English."""
    return _(problem) if problem in OUR_PROBLEMS else format_html('<span lang="en">{}</span>', problem)


@register.filter
def run_words(run: PollRun) -> str:
    """Say what a run did: what it read, what changed, how long it took."""
    if run.outcome == PollRun.Outcome.FAILED:
        return format_html(_("Not read: {problem}"), problem=problem_words(run.problem))
    if run.outcome == PollRun.Outcome.BUSY:
        return format_html(_("Not started: {problem}"), problem=problem_words(run.problem))
    words = ngettext("Read %(count)s row in %(seconds)s s", "Read %(count)s rows in %(seconds)s s", run.rows_read)
    read = words % {"count": tokens(run.rows_read), "seconds": seconds(run.seconds)}
    if not run.rows_written:
        return _("%(read)s, nothing changed.") % {"read": read}
    return _("%(read)s, %(changed)s changed.") % {"read": read, "changed": tokens(run.rows_written)}


MEASURE_WORDS: Final = {
    "spend_usd": lambda: _("Spend, USD"),
    "prompt_tokens": lambda: _("Tokens in"),
    "completion_tokens": lambda: _("Tokens out"),
    "ok_requests": lambda: _("Requests answered"),
    "failed_requests": lambda: _("Requests that failed"),
}


NOT_REPORTED: Final = {
    "model_groups": lambda: _("public names of models"),
    "prompt_tokens": lambda: _("tokens in"),
    "completion_tokens": lambda: _("tokens out"),
    "cache_read_tokens": lambda: _("tokens read from a cache"),
    "cache_creation_tokens": lambda: _("tokens written to a cache"),
    "successful_requests": lambda: _("requests answered"),
    "failed_requests": lambda: _("requests that failed"),
    "response_time_ms": lambda: _("response times"),
    "day_totals": lambda: _("totals of a day"),
}


@register.filter
def missing_words(run: PollRun) -> str:
    """Say what an older gateway did not report; measures that the portal does not show are left out."""
    return ", ".join(NOT_REPORTED[name]() for name in run.missing if name in NOT_REPORTED)


ANOMALY_WORDS: Final = MEASURE_WORDS | {
    "": lambda: _("The whole row"),
    "cache_read_tokens": lambda: _("Tokens read from a cache"),
    "cache_creation_tokens": lambda: _("Tokens written to a cache"),
    "requests": lambda: _("Requests"),
    "successful_requests": lambda: _("Requests answered"),
    "response_time_ms": lambda: _("Response time"),
}


@register.filter
def anomaly_words(anomaly: Anomaly) -> str:
    """Name an invalid number, and the gateway's value: "Spend, USD: 1e+18"."""
    what = ANOMALY_WORDS.get(anomaly.measure, lambda: anomaly.measure)()
    return f"{what}: {anomaly.reported}" if anomaly.reported else what


@register.filter
def discrepancy_words(discrepancy: Discrepancy) -> str:
    """Say how the portal and the gateway differ."""
    nothing = _("never") if discrepancy.kind == Discrepancy.Kind.EXPIRY else _("nobody")
    here, there = _side(discrepancy.here) or nothing, _side(discrepancy.there) or nothing
    what = discrepancy.get_kind_display()
    if discrepancy.kind == Discrepancy.Kind.SUMS:
        return _sums_words(discrepancy)
    if discrepancy.kind in (Discrepancy.Kind.EXPIRY, Discrepancy.Kind.OWNER_DIFFERS):
        return _("%(what)s: %(here)s here, %(there)s there") % {"what": what, "here": here, "there": there}
    return _("%(what)s: the gateway names %(there)s") % {"what": what, "there": there} if discrepancy.there else what


def _sums_words(discrepancy: Discrepancy) -> str:
    """Say how two sums differ: amounts as money, counts as counts."""
    write = only_usd_number if discrepancy.measure == "spend_usd" else lambda number: tokens(int(number))
    here, what = Decimal(discrepancy.here), MEASURE_WORDS.get(discrepancy.measure, lambda: discrepancy.measure)()
    if not discrepancy.there:
        words = {"what": what, "here": write(here)}
        return _("%(what)s: %(here)s here; the gateway’s value is invalid") % words
    there = Decimal(discrepancy.there)
    return _("%(what)s: %(here)s here, %(there)s there; they differ by %(by)s") % {
        "what": what,
        "here": write(here),
        "there": write(there),
        "by": write(abs(here - there)),
    }


def _side(text: str) -> str:
    """Return one side's value, for people: times as pages write them."""
    try:
        when = parse_datetime(text)
    except ValueError:
        when = None
    return moment(when) if when else text
