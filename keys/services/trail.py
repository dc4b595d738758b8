"""Audit entries about a key or an intern, and the texts of their codes."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor, record, record_repeatable
from accounts.audit_words import Words, add_words
from accounts.models import AuditAction, AuditEntry, AuditObject, AuditOutcome, BudgetPeriod, User
from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayRejected, GatewayUnavailable, GatewayUnreadable
from gateway.secret import without_addresses
from keys.models import Intern, Key, LeakReport, LimitOverride
from keys.services.refusals import PREFIX, KeyRefused
from web.amounts import only_usd
from web.templatetags.portal import day, moment


def audit(
    actor: Actor, action: AuditAction, outcome: AuditOutcome, key: Key, why: str | Exception = "", **details: Any
) -> None:
    """Record the outcome of an action on a key; joins the caller's transaction.

    `why` is a code of WORDS with its `details`, or the refusal or error itself: failures are written once an
    hour for each person, action and kind, and counted.
    """
    about = partial(
        record,
        kind=AuditObject.KEY,
        object_id=key.pk,
        label=key.label,
        subject=key.owner,
        on_behalf_of=key.intern.name if key.intern else "",
    )
    _write(about, actor, action, outcome, key.owner, why, details)


def audit_intern(
    actor: Actor, action: AuditAction, outcome: AuditOutcome, intern: Intern, why: str | Exception = "", **details: Any
) -> None:
    """Record the outcome of an action on an intern, as `audit` does for a key."""
    about = partial(record, kind=AuditObject.INTERN, object_id=intern.pk, label=intern.name, subject=intern.supervisor)
    _write(about, actor, action, outcome, intern.supervisor, why, details)


def _write(
    about: partial[AuditEntry],
    actor: Actor,
    action: AuditAction,
    outcome: AuditOutcome,
    owner: User,
    why: str | Exception,
    details: Mapping[str, Any],
) -> None:
    code, details = (why, details) if isinstance(why, str) else code_of(why)
    write = partial(about, actor=actor, action=action, outcome=outcome, code=code, details=details)
    if isinstance(why, Exception):
        kind = why.code if isinstance(why, KeyRefused) else type(why).__name__
        if outcome == AuditOutcome.UNKNOWN:  # the object may have changed: its own history says so
            kind = str(about.keywords["object_id"])
        record_repeatable(write, actor=actor, action=action, outcome=outcome, owner=owner, code=kind)
    else:
        write()


def code_of(error: Exception) -> tuple[str, dict[str, Any]]:
    """Return the trail's code for a refusal or an error; the gateway's own message is a value."""
    if isinstance(error, KeyRefused):
        return PREFIX + error.reason, error.details
    if isinstance(error, GatewayAdminKeyRefused):
        return "gateway.admin_key_refused", {}
    if isinstance(error, GatewayRejected):
        return "gateway.rejected", {"message": without_addresses(str(error))}
    if isinstance(error, GatewayUnreadable):
        return "gateway.unreadable", {}
    if isinstance(error, GatewayUnavailable) and not error.may_have_happened:
        return "gateway.unreachable", {}
    if isinstance(error, GatewayError):
        return "gateway.answer_lost", {}
    return "error", {"type": type(error).__name__}


def problem_code(problem: str) -> str:
    """Return the code of why a key ended; "" if its owner intended it."""
    return f"problem.{problem}" if problem else ""


def _taken_over(values: Mapping[str, Any]) -> str:
    """Describe what was taken over from the gateway: the end of a key, and whether it is blocked."""
    words = gettext("It never expires.")
    if values["expires_at"]:
        words = gettext("It expires on %(when)s.") % {"when": moment(datetime.fromisoformat(values["expires_at"]))}
    return " ".join([words, gettext("It is blocked.")]) if values["blocked"] else words


def limit_lines(changes: Mapping[str, Sequence[Any]]) -> list[str]:
    """Say limit by limit what it was and what it is now."""
    words = gettext("%(field)s: %(before)s → %(after)s")
    lines = []
    for field in LimitOverride._meta.concrete_fields:  # PostgreSQL keeps no order of values
        pair = changes.get(field.name, ())
        if len(pair) == 2:
            before, after = (_limit_value(field.name, value) for value in pair)
            lines.append(words % {"field": field.verbose_name, "before": before, "after": after})
    return lines


def _limits_set(values: Mapping[str, Any]) -> str:
    changes = values["changes"]
    return "; ".join(limit_lines(changes)) + "." if isinstance(changes, Mapping) else ""


def _limit_value(name: str, value: Any) -> str:
    if name == "model_names":
        return gettext("all") if value is None else ", ".join(value)
    if value in (None, ""):
        return "–"
    if name == "budget_period":
        return str(BudgetPeriod(value).label) if value in BudgetPeriod.values else value
    if name == "budget_usd":
        return only_usd(Decimal(value))
    return moment(datetime.fromisoformat(value)) if name == "expires_at" else str(value)


def _stay_days(values: Mapping[str, Any]) -> str:
    days = {name: day(date.fromisoformat(values[name])) if values[name] else "–" for name in ("before", "after")}
    return gettext("before: %(before)s; now: %(after)s") % days


def _handed_over(values: Mapping[str, Any]) -> str:
    """Name the supervisors; the trail has their numbers, which outlast the names."""
    ids = {name: values[name] for name in ("before", "after") if isinstance(values[name], int)}
    people = User.objects.in_bulk(list(ids.values()))
    names = {name: people[pk].display_name if pk in people else "–" for name, pk in ids.items()}
    return gettext("before: %(before)s; now: %(after)s") % {"before": "–", "after": "–", **names}


def _intern_changes(values: Mapping[str, Any]) -> str:
    """Name the fields that were changed; their former values would name a person."""
    titles = {field.name: str(field.verbose_name) for field in Intern._meta.concrete_fields}
    return ", ".join(titles.get(name, name) for name in values["changes"]) + "."


def _leak(values: Mapping[str, Any]) -> str:
    """Say who reported a leak, and where the secret was found."""
    source = LeakReport.Source(values["source"]).label if values["source"] in LeakReport.Source.values else "–"
    words = {"source": source, "last_four": values["last_four"], "where": values["where"]}
    if words["where"]:
        return gettext("The secret ending in …%(last_four)s. Reported by: %(source)s. Found at: %(where)s") % words
    return gettext("The secret ending in …%(last_four)s. Reported by: %(source)s.") % words


def _given(values: Mapping[str, Any]) -> str:
    """Say under which user the gateway had the key before."""
    if not values["user_id"]:
        return gettext("It was made at the gateway, for nobody.")
    return gettext("It was made at the gateway, for the user %(user_id)s.") % values


WORDS: Final[dict[str, Words]] = {
    **{problem_code(problem): problem.label for problem in Key.Problem if problem},
    "back_at_gateway": _("It is at the gateway again."),
    "expires_sooner": _("It expires earlier, as the policy requires."),
    "error": _("An error of the portal: %(type)s."),
    "given": _given,
    "gateway.admin_key_refused": _("The gateway does not accept the portal’s own key."),
    "gateway.answer_lost": _("The gateway did not answer, or said that it failed."),
    "gateway.rejected": _("The gateway refused: %(message)s"),
    "gateway.unreachable": _("The gateway could not be reached."),
    "gateway.unreadable": _("The gateway’s answer could not be read."),
    "handed_over": _handed_over,
    "intern.changes": _intern_changes,
    "leak": _leak,
    "label_before": _("before: %(label)s"),
    "limits.set": _limits_set,
    "left_team": _("It had been taken out of its owner’s budget at the gateway, and is put back."),
    "made_outside": Key.Kind.EXTERNAL.label,
    "own_end": _("It expires at the end that was set for it."),
    "over_budget": _("blocked: the owner’s budget for all keys together is used up"),
    "owner_active": _("unblocked: the owner’s account is active again"),
    "owner_inactive": _("blocked: the owner’s account is not active"),
    "restored": _("added again after a restore"),
    "stay_days": _stay_days,
    "taken_over": _taken_over,
    "team.ends": _("Its end is that of the course."),
    "team.frozen": _("blocked: the course is frozen"),
    "team.thawed": _("unblocked: the course is no longer frozen"),
    "via.leak_report": _("by a report of a leak"),
    "via.mail_link": _("with the link of a mail"),
    "within_budget": _("unblocked: the owner’s budget for all keys together is no longer used up"),
}
add_words(WORDS)
