"""How large a course may be: by the policy of whoever changes it, by a granted request, or as it is already."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from accounts.models import Grant, KeyKind, Thing, User
from accounts.policies import Allowance, policy_of
from courses.models import Course
from courses.services.refusals import CourseRefused

DAY_S: Final = 86400
MOST_RUNNING: Final = 10  # courses that one person created
MOST_USD: Final = Decimal("999999.99")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a course has, or may have at most. None: no limit."""

    max_students: int | None
    days: int | None
    budget_usd: Decimal | None
    key_budget_usd: Decimal | None
    rpm_limit: int | None
    tpm_limit: int | None
    model_names: tuple[str, ...] | None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it, for requests and the trail."""
        values = asdict(self)
        return {name: f"{value:f}" if isinstance(value, Decimal) else value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Size":
        """Read what `as_json` wrote; other names are ignored."""
        values = {name: values[name] for name in TITLES}
        usd = {
            name: None if values[name] is None else Decimal(values[name]) for name in ("budget_usd", "key_budget_usd")
        }
        names = values["model_names"]
        return cls(**{**values, **usd, "model_names": None if names is None else tuple(names)})


TITLES: Final = {
    "max_students": _("students at most"),
    "days": _("days"),
    "budget_usd": _("budget in all"),
    "key_budget_usd": _("budget of each student"),
    "rpm_limit": _("requests per minute"),
    "tpm_limit": _("tokens per minute"),
    "model_names": _("models"),
}


def may_have_courses(user: User, allowance: Allowance | None = None) -> bool:
    """Tell whether a person's policy includes courses of their own."""
    return (allowance or policy_of(user)).rules[KeyKind.COURSE].allowed


def largest(allowance: Allowance) -> Size:
    """Return the largest course that a policy allows."""
    rule = allowance.rules[KeyKind.COURSE]
    return Size(
        max_students=rule.max_keys,
        days=rule.lifetime_days,
        budget_usd=allowance.course_budget_usd,
        key_budget_usd=rule.budget_usd,
        rpm_limit=rule.rpm_limit,
        tpm_limit=rule.tpm_limit,
        model_names=rule.models,
    )


def size_of(course: Course) -> Size:
    """Return the size of a course, whose team is loaded."""
    team = course.team
    budgets = [usd for usd in (team.key_budget_usd, team.playground_budget_usd) if usd is not None]
    return Size(
        max_students=course.max_students,
        days=days_between(course.starts_at, team.ends_at),
        budget_usd=team.budget_usd,
        key_budget_usd=sum(budgets, Decimal(0)),
        rpm_limit=team.rpm_limit,
        tpm_limit=team.tpm_limit,
        model_names=None if team.model_names is None else tuple(sorted(team.model_names)),
    )


def days_between(start: datetime, end: datetime) -> int:
    """Return the length of a course in days, begun ones included."""
    return max(1, ceil((end - start).total_seconds() / DAY_S))


def excess(size: Size, *allowed: Size) -> list[str]:
    """Return the names of the values that none of the allowed sizes includes; all of them without any."""
    return [name for name in TITLES if not any(_within(name, size, most) for most in allowed)]


def excess_of(course: Course, user: User, *, before: Size | None = None) -> list[str]:
    """Return the values of a course beyond this person's policy, its approved request, and what it has `before`."""
    allowance = policy_of(user)
    allowed = [largest(allowance)] if may_have_courses(user, allowance) else []
    allowed += granted_sizes(course)
    allowed += [before] if before else []
    return excess(size_of(course), *allowed)


def granted_sizes(course: Course) -> list[Size]:
    """Return the sizes that somebody who decides requests has granted this course, while the grants run."""
    grants = Grant.objects.running().filter(thing=Thing.COURSE, name__startswith=str(course.pk))
    return [Size.from_json(grant.request.details) for grant in grants.select_related("request") if grant.request]


def request_name(course: Course) -> str:
    """Return the name of a request about a course: its id, and its own name."""
    return f"{course.pk} {course.name}"


def course_id_in(name: str) -> UUID:
    """Return the id of the course that a request's name is about."""
    return UUID(name.split()[0])


def check_size(course: Course, user: User, *, before: Size | None = None) -> None:
    """Refuse a course that is larger than `excess_of` allows. Raises CourseRefused."""
    if names := excess_of(course, user, before=before):
        code = "course.beyond" if course.state == Course.State.DRAFT else "course.beyond_running"
        raise CourseRefused(code, what=", ".join(str(TITLES[name]) for name in names))


def check_top_up(course: Course, user: User, budget_usd: Decimal) -> None:
    """Refuse a budget of one student's key that this person's policy, or a request for the course, does not allow."""
    if budget_usd > MOST_USD:
        raise CourseRefused("course.most_usd")
    allowance = policy_of(user)
    allowed = [largest(allowance)] if may_have_courses(user, allowance) else []
    wanted = replace(size_of(course), key_budget_usd=budget_usd + (course.team.playground_budget_usd or 0))
    if "key_budget_usd" in excess(wanted, *allowed, *granted_sizes(course)):
        raise CourseRefused("course.beyond_running", what=str(TITLES["key_budget_usd"]))


def check_number(course: Course, user: User) -> None:
    """Refuse one more running course of its creator, unless this person decides requests. Locks the creator's row."""
    creator = User.objects.select_for_update().get(pk=course.created_by_id)
    running = Course.objects.filter(created_by=creator, state__in=Course.RUNNING).count()
    if running >= MOST_RUNNING and not user.has_perm("accounts.decide_requests"):
        raise CourseRefused("course.too_many", most=MOST_RUNNING)


def _within(name: str, size: Size, most: Size) -> bool:
    value, limit = getattr(size, name), getattr(most, name)
    if limit is None:
        return True
    if value is None:
        return False
    return set(value) <= set(limit) if name == "model_names" else value <= limit
