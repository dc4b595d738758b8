"""The effect of a policy change on a person: whether anything differs, and whether anything is reduced."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from accounts.policies import Allowance, Budget, KeyAllowance, generosity
from accounts.trail_words import change_words


def is_different(before: Allowance, after: Allowance) -> bool:
    """Return whether the person's allowance differs, whatever its source."""
    return replace(before, names=()) != replace(after, names=())


def is_lower(before: Allowance, after: Allowance) -> bool:
    """Return whether any limit is lower than before, whatever else is higher."""
    return (
        _is_less(before.max_live_keys, after.max_live_keys)
        or _is_poorer(
            (before.person_budget_usd, before.person_budget_period),
            (after.person_budget_usd, after.person_budget_period),
        )
        or _is_less(before.course_budget_usd, after.course_budget_usd)
        or after.grace_hours < before.grace_hours
        or (after.at_once_usd or 0) < (before.at_once_usd or 0)
        or (before.may_name_interns and not after.may_name_interns)
        or any(_is_lower_rule(rule, after.rules[kind]) for kind, rule in before.rules.items())
    )


def _is_lower_rule(before: KeyAllowance, after: KeyAllowance) -> bool:
    if before.allowed != after.allowed:
        return before.allowed
    limits = [(before.max_keys, after.max_keys), (before.rpm_limit, after.rpm_limit)]
    limits += [(before.tpm_limit, after.tpm_limit), (before.lifetime_days, after.lifetime_days)]
    ends_sooner = after.ends_at is not None and (before.ends_at is None or after.ends_at < before.ends_at)
    return (
        ends_sooner
        or any(_is_less(*pair) for pair in limits)
        or _is_poorer((before.budget_usd, before.budget_period), (after.budget_usd, after.budget_period))
        or _lacks_some(before.models, after.models)
    )


def _is_less(before: int | Decimal | None, after: int | Decimal | None) -> bool:
    """Return whether a limit is lower; None means no limit."""
    return after is not None and (before is None or after < before)


def _is_poorer(before: Budget, after: Budget) -> bool:
    return generosity(after) < generosity(before)


def _lacks_some(before: Iterable[str] | None, after: Iterable[str] | None) -> bool:
    """Return whether a model is missing now; None means all."""
    return after is not None and (before is None or not set(before) <= set(after))


def words_of_changes(changes: Mapping[str, Sequence[Any]]) -> list[str]:
    """Describe the result of `audit.changes_between` for a policy, one text for each change."""
    return [change_words("policy", name, *pair) for name, pair in changes.items()]
