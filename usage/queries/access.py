"""Common to all pages of usage: how fresh the numbers are, and a person's access."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import Permission
from django.db.models import Exists, Q, QuerySet, Value
from django.utils import timezone

from accounts.models import User
from keys.models import Intern
from usage.models import UsageState

FAILING_AFTER: Final = timedelta(minutes=10)  # of failing polls; the next poll repairs a single failure


@dataclass(frozen=True, slots=True, kw_only=True)
class PageAccess:
    """How fresh the numbers are, and what the person may see and do."""

    state: UsageState
    sees_everyone: bool
    may_refresh: bool
    names_interns: bool
    sees_people: bool
    manages_people: bool
    manages_policies: bool
    may_announce: bool
    manages_terms: bool
    sees_courses: bool

    @property
    def is_failing(self) -> bool:
        """Whether polling has failed for so long that people should know."""
        since = self.state.failing_since
        return since is not None and timezone.now() - since >= FAILING_AFTER


def page_access(user: User) -> PageAccess:
    """Return a person's access to usage: one query (before the first poll of all, two)."""
    rights = {
        "sees_everyone": may(user, "view_everyone"),
        "may_refresh": may(user, "refresh"),
        "names_interns": Exists(Intern.objects.supervised_by(user)),
        "sees_people": may(user, "view_people", "manage_people", "manage_policies", app="accounts"),
        "manages_people": may(user, "manage_people", app="accounts"),
        "manages_policies": may(user, "manage_policies", app="accounts"),
        "may_announce": may(user, "manage_announcements", app="accounts"),
        "manages_terms": may(user, "manage_terms", app="accounts"),
        "sees_courses": may(user, "view_all_courses", app="courses"),
    }
    state = UsageState.objects.filter(pk=1).annotate(**rights).first()
    if state is None:
        row = User.objects.filter(pk=user.pk).annotate(**rights).values(*rights).get()
        return PageAccess(state=UsageState.load(), **row)
    return PageAccess(state=state, **{name: getattr(state, name) for name in rights})


def may(user: User, *permissions: str, app: str = "usage") -> Exists | Value:
    """Return whether the person has one of the permissions, as part of a query: `has_perm` would cost two each."""
    if user.is_superuser:
        return Value(value=True)
    return Exists(_given(user).filter(codename__in=permissions, content_type__app_label=app))


def _given(user: User) -> QuerySet[Permission]:
    return Permission.objects.filter(Q(user=user) | Q(group__user=user))
