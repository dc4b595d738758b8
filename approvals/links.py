"""The link in the mail about open requests: shows one request to one decider, who can decide it there (ADR 31)."""

from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from accounts.links import LinkRefused, holder, holders, read, sign
from accounts.models import AccessRequest, User
from web.addresses import absolute

_SALT: Final = "approvals.links.decide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a link is for."""

    asked: AccessRequest
    decider: User


def link_to(asked: AccessRequest, decider: User) -> str:
    """Return the absolute URL of a new link."""
    signed = sign({"request": str(asked.pk), **holder(decider)}, salt=_SALT)
    return absolute(reverse("approvals:decide_by_link", args=[signed]))


def decision_of_link(signed: str) -> tuple[User, Decision]:
    """Return the decider, and the request that they can still decide; raise LinkRefused for an invalid link."""
    named = read(signed, salt=_SALT)
    decider = User.objects.filter(pk=named["person"], is_active=True).first()
    if decider is None or named not in [{"request": named["request"], **each} for each in holders(decider)]:
        raise LinkRefused("void")
    requests = AccessRequest.objects.decidable_by(decider).filter(state=AccessRequest.State.OPEN)
    asked = requests.select_related("person").filter(pk=named["request"]).first()
    if asked is None:
        raise LinkRefused("void")
    return decider, Decision(asked=asked, decider=decider)
