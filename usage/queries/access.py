"""Common to all pages of usage: how fresh the numbers are, and a person's access."""

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts.models import User
from accounts.rights import WITH_RIGHTS
from usage.models import UsageState

FAILING_AFTER: Final = timedelta(minutes=10)  # of failing polls; the next poll repairs a single failure
SELECT: Final = """
SELECT state.*,
    (%(everything)s OR 'usage.view_everyone' IN (SELECT name FROM own_permissions)) AS sees_everyone,
    (%(everything)s OR 'usage.refresh' IN (SELECT name FROM own_permissions)) AS may_refresh,
    EXISTS (SELECT 1 FROM keys_intern WHERE supervisor_id = %(person)s) AS names_interns,
    (%(everything)s OR EXISTS (
        SELECT 1 FROM own_permissions
        WHERE name IN ('accounts.view_people', 'accounts.manage_people', 'accounts.manage_policies')
    )) AS sees_people,
    (%(everything)s OR 'accounts.manage_people' IN (SELECT name FROM own_permissions)) AS manages_people,
    (%(everything)s OR 'accounts.manage_policies' IN (SELECT name FROM own_permissions)) AS manages_policies,
    (%(everything)s OR 'accounts.manage_announcements' IN (SELECT name FROM own_permissions)) AS may_announce,
    (%(everything)s OR 'accounts.manage_terms' IN (SELECT name FROM own_permissions)) AS manages_terms,
    (%(everything)s OR 'accounts.manage_webhooks' IN (SELECT name FROM own_permissions)) AS manages_webhooks,
    (%(everything)s OR 'accounts.set_up_portal' IN (SELECT name FROM own_permissions)) AS sees_status,
    (%(everything)s OR 'catalogue.describe_models' IN (SELECT name FROM own_permissions)) AS describes_models,
    (%(everything)s OR 'courses.view_all_courses' IN (SELECT name FROM own_permissions)) AS sees_courses
FROM (SELECT 1 AS id) AS one LEFT JOIN usage_usagestate state ON state.id = one.id
"""  # a queryset would take Django 4 ms to build and compile


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
    manages_webhooks: bool
    sees_status: bool
    sees_courses: bool
    describes_models: bool

    @property
    def is_failing(self) -> bool:
        """Whether polling has failed for so long that people should know."""
        since = self.state.failing_since
        return since is not None and timezone.now() - since >= FAILING_AFTER


def page_access(user: User) -> PageAccess:
    """Return a person's access to usage: one query (before the first poll of all, two)."""
    state = UsageState.objects.raw(WITH_RIGHTS + SELECT, {"person": user.pk, "everything": user.is_superuser})[0]
    rights = {each.name: bool(getattr(state, each.name)) for each in fields(PageAccess) if each.name != "state"}
    return PageAccess(state=state if state.pk else UsageState.load(), **rights)
