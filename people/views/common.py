"""Common to the pages about people: permission to see them, and to change one of them."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404

from accounts.models import User
from accounts.rights import may_change
from accounts.second_factor import with_second_factor
from usage.queries.access import PageAccess, page_access
from web.request import PortalRequest


def require_sight(request: PortalRequest) -> PageAccess:
    """Return the access of a person who may see people; refuse the others."""
    access = page_access(request.user)
    if not access.sees_people:
        raise PermissionDenied
    return access


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person whom an admin looks at, and whether they may be changed."""

    person: User
    access: PageAccess
    may_act: bool


def subject_of(request: PortalRequest, person_id: int) -> Subject:
    """Return a person; 404 for those who may not see people: accounts are not public.

    May be changed: by people who manage people, but nobody with more rights, not themselves, and no anonymised
    account.
    """
    access = page_access(request.user)
    if not access.sees_people:
        raise Http404
    people = with_second_factor(User.objects.select_related("person_budget", "invitation", "leaving"))
    person = get_object_or_404(people, pk=person_id)
    is_other = person.pk != request.user.pk and person.anonymised_at is None
    may_act = access.manages_people and is_other and may_change(request.user, person)
    return Subject(person=person, access=access, may_act=may_act)


def subject_to_act_on(request: PortalRequest, person_id: int) -> Subject:
    """Return a person who may be changed; 404 for a stranger, 403 with view permission only."""
    subject = subject_of(request, person_id)
    if not subject.may_act:
        raise PermissionDenied
    return subject
