"""What every page of usage needs first: how fresh the numbers are, and what this person may see and do."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import Permission
from django.db.models import Exists, Q, QuerySet, Value
from django.utils import timezone

from accounts.models import User
from keys.models import Key
from usage.models import UsageState

FAILING_AFTER: Final = timedelta(minutes=10)  # of polls that fail; one that failed is mended by the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How fresh, and for whom."""

    state: UsageState
    sees_everyone: bool
    may_refresh: bool
    names_interns: bool

    @property
    def is_failing(self) -> bool:
        """Whether polling has failed for so long that people should know."""
        since = self.state.failing_since
        return since is not None and timezone.now() - since >= FAILING_AFTER


def frame_of(user: User) -> Frame:
    """Return the frame of a person's pages: one query (before the first poll of all, two)."""
    told = {
        "sees_everyone": _may(user, "view_everyone"),
        "may_refresh": _may(user, "refresh"),
        "names_interns": Exists(Key.objects.owned_by(user).exclude(intern_name="")),
    }
    state = UsageState.objects.filter(pk=1).annotate(**told).first()
    if state is None:
        row = User.objects.filter(pk=user.pk).annotate(**told).values(*told).get()
        return Frame(state=UsageState.load(), **row)
    return Frame(state=state, **{name: getattr(state, name) for name in told})


def _may(user: User, permission: str) -> Exists | Value:
    """Return the answer of `user.has_perm`, as a part of a query: asked one by one they would cost two each."""
    if user.is_superuser:
        return Value(value=True)
    return Exists(_given(user).filter(codename=permission, content_type__app_label="usage"))


def _given(user: User) -> QuerySet[Permission]:
    return Permission.objects.filter(Q(user=user) | Q(group__user=user))
