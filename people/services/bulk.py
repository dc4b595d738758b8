"""One action on many people: for whom, who is left out and why, and the action itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.models import User
from accounts.names import name_order
from accounts.rights import permissions_of
from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayUnavailable
from keys.models import Intern, Key
from keys.services import KeyRefused, change_stay, is_earlier
from people.services.accounts import close_accounts

MAX_PEOPLE: Final = 500
MAX_STAYS: Final = 100  # whose keys are changed at the gateway within the request


class BulkAction(StrEnum):
    """An action on many people at once."""

    GROUP = "group"
    STAY = "stay"
    DEACTIVATE = "deactivate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A person chosen for an action."""

    person: Any  # User, with the annotations of `choose`
    why_not: str  # "" if the action applies


def choose(ids: Iterable[int], *, bulk_action: BulkAction, admin: User) -> list[Chosen]:
    """Return these people by name, with the reasons why the action leaves some of them out. One query.

    Never for oneself, for superusers and for people with more rights than the admin; the end of a stay, which concerns
    keys of the supervisor, not if the supervisor is one of these.
    """
    beyond, of_supervisor = permissions_of(OuterRef("pk")), permissions_of(OuterRef("supervisor"))
    above = Q(supervisor__is_superuser=True)
    if not admin.is_superuser:
        admins = permissions_of(admin.pk).values("pk")
        beyond = beyond.exclude(pk__in=admins)
        above |= Q(Exists(of_supervisor.exclude(pk__in=admins)))
    of_others = Intern.objects.filter(above, account=OuterRef("pk")).exclude(supervisor=admin)
    live = Q(keys__state__in=Key.LIVE_STATES) & ~Q(keys__kind=Key.Kind.EXTERNAL)
    people = User.objects.filter(pk__in=list(ids)).annotate(
        has_more_rights=Exists(beyond) if not admin.is_superuser else Q(is_superuser=True),
        is_of_others=Exists(of_others),
        live=Count("keys", filter=live, distinct=True),
        live_of_interns=Count("keys", filter=live & Q(keys__intern__isnull=False), distinct=True),
        stays=Count("internships", distinct=True),
    )
    found = sorted(people, key=lambda person: (name_order(person.display_name), person.pk))
    return [Chosen(person=person, why_not=_why_not(person, bulk_action, admin)) for person in found]


def _why_not(person: Any, bulk_action: BulkAction, admin: User) -> str:
    if person.pk == admin.pk:
        return _("this is you")
    if person.is_superuser or person.has_more_rights:
        return _("has more rights than you, or is a superuser")
    if person.anonymised_at:
        return _("anonymised")
    if bulk_action == BulkAction.DEACTIVATE and not person.is_active:
        return _("is inactive already")
    if bulk_action == BulkAction.STAY and not person.stays:
        return _("is nobody’s intern")
    if bulk_action == BulkAction.STAY and person.is_of_others:
        return _("the supervisor has more rights than you, or is a superuser")
    return ""


def deactivate_people(people: Sequence[User], *, actor: Actor) -> int:
    """Close the accounts, all or none; return how many were open."""
    return len(close_accounts(people, actor))


@dataclass(frozen=True, slots=True, kw_only=True)
class StaysChanged:
    """The result of changing many stays."""

    done: int
    refused: tuple[str, ...]  # names, each with the reason
    left: int  # not tried, since the gateway did not answer


def set_ends_of_stay(people: Sequence[User], *, ends_on: date | None, actor: Actor) -> StaysChanged:
    """Set the last day of the stays of these people; if the gateway does not answer, the rest stays unchanged.

    A refusal for one intern does not stop the others. An earlier day is recorded even then: the sweep applies it
    to the keys.
    """
    interns = Intern.objects.filter(account__in=people).select_related("supervisor").by_name()
    done, refused = 0, list[str]()
    for place, intern in enumerate(interns):
        try:
            change_stay(intern=intern, ends_on=ends_on, actor=actor)
        except (GatewayUnavailable, GatewayAdminKeyRefused):
            written = is_earlier(ends_on, than=intern.stay_ends_on)
            return StaysChanged(done=done + written, refused=tuple(refused), left=len(interns) - place - written)
        except (KeyRefused, GatewayError) as error:
            if not Intern.objects.filter(pk=intern.pk, stay_ends_on=ends_on).exists():
                why = str(error) if isinstance(error, KeyRefused) else _("The gateway refused it.")
                refused.append(f"{intern.name}: {why}")
                continue
        done += 1
    return StaysChanged(done=done, refused=tuple(refused), left=0)
