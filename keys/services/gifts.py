"""Gives keys without an owner to a person: several in a task, with one mail about all of them (ADR 33).

The intention for all keys is one commit. A run takes one key after another; whatever interrupts it, the next run of the
task or of the sweep goes on, and the mail comes once every key has an outcome.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef
from django.utils import timezone

from accounts.audit import Actor
from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import User
from gateway.errors import GatewayError, GatewayUnavailable
from keys.models import KeyGift, UnownedKey
from keys.services.apply_policies import apply_policies_to
from keys.services.person_budget import Ceiling, check_budget
from keys.services.refusals import KeyRefused
from keys.services.rounds import each
from keys.services.unowned import carry_out, ceiling_once, finish, intend, may_own, nobody_waits_since
from web.tasks import ask_worker

SHOWN_FOR: Final = timedelta(minutes=10)  # after its mail, so that the page says what came of it


def give_key(*, unowned: UnownedKey, to: User, actor: Actor) -> None:
    """Make `to` the owner of a key: at the gateway, within their budget, then here with all that it has spent.

    Raises KeyRefused, also where another administrator was faster; GatewayUnavailable or GatewayRejected. With
    `may_have_happened` the sweep finishes it; else nothing changed.
    """
    gift = _begin([unowned], to, actor)
    row = UnownedKey.objects.select_related("gift__owner", "intended_by").get(gift=gift)
    try:
        carry_out(row, actor)
    finally:
        ask_worker("keys.mail_gifts")
    _settle(to, actor)


def give_keys(*, unowned: Sequence[UnownedKey], to: User, actor: Actor) -> int:
    """Begin to make `to` the owner of these keys, and return of how many; a task goes on with it.

    Raises KeyRefused where it is none.
    """
    gift = _begin(unowned, to, actor, intended_at=nobody_waits_since() - timedelta(seconds=1))
    ask_worker("keys.finish_unowned")
    return gift.number


def finish_unowned() -> tuple[int, GatewayUnavailable | None]:
    """Finish all that administrators began with keys without an owner and nobody waits for; return how many, as `each`.

    May run twice at once: each key is taken by a conditional update.
    """
    ceilings: dict[User, Callable[[], Ceiling]] = {}
    given: dict[User, Actor] = {}

    def step(row: UnownedKey) -> bool:
        to = row.new_owner
        done = finish(row, ceilings.setdefault(to, ceiling_once(to)) if to else None)
        if to and done:
            given[to] = Actor(user=row.intended_by)
        return done

    begun = UnownedKey.objects.filter(intended_at__lt=nobody_waits_since()).order_by("intended_at", "pk")
    finished = each(step, begun.select_related("gift__owner", "intended_by"))
    for to, actor in given.items():
        _settle(to, actor)
    if given:
        ask_worker("keys.mail_gifts")
    return finished


def gifts_shown() -> list[Any]:
    """Return the gifts of several keys that are under way, or were a moment ago, with numbers of keys; one query."""
    several = KeyGift.objects.filter(number__gt=1).select_related("owner").order_by("-pk")
    left, given = Count("unowned_keys", distinct=True), Count("given_keys", distinct=True)
    return list(several.annotate(left=left, given=given, missing=F("number") - left - given))


@transaction.atomic
def _begin(unowned: Sequence[UnownedKey], to: User, actor: Actor, **more: object) -> KeyGift:
    """Commit the intention for all keys that are free."""
    person = User.objects.select_for_update().get(pk=to.pk)
    if not may_own(person):
        raise KeyRefused("unowned.inactive")
    gift = KeyGift.objects.create(owner=person, given_by=actor.user)
    gift.number = intend(unowned, UnownedKey.Intent.GIVE, actor, gift=gift, **more)
    gift.save(update_fields=["number"])
    return gift


def _settle(to: User, actor: Actor) -> None:
    """Count in a person's budget what the keys that they were given have spent, and give these their limits.

    The sweep, and the next comparison with the policies, do what fails here.
    """
    with suppress(KeyRefused, GatewayError):
        check_budget(to)
        apply_policies_to(to, actor)


# --- The mail -----------------------------------------------------------------------------------------
def mail_gifts() -> int:
    """Write to everybody who got keys of which none is under way any more; return how many mails went out."""
    KeyGift.objects.filter(done_at__lt=timezone.now() - SHOWN_FOR).delete()
    under_way = UnownedKey.objects.filter(gift=OuterRef("pk"))
    unsent = KeyGift.objects.filter(~Exists(under_way), done_at=None).select_related("owner", "given_by")
    return send_each(unsent.order_by("pk"), _send)


def _send(gift: KeyGift) -> bool:
    """Write one, unless another run has, or is about to; a gift of which nothing came is deleted.

    Somebody who has left gets none.
    """
    mine = KeyGift.objects.filter(pk=gift.pk)
    if not claim(mine.filter(done_at=None), "claimed_at"):
        return False
    if not gift.given_keys.exists():
        mine.delete()
        return False
    try:
        is_reached = may_own(gift.owner) and bool(gift.owner.email)
        sent = is_reached and deliver(_compose(gift), name=f"gift-{gift.pk}-{gift.made_at:%Y%m%d%H%M%S}")
    except MailServerUnavailable:
        mine.update(claimed_at=None)
        raise
    mine.update(claimed_at=None, done_at=timezone.now())
    return sent


def _compose(gift: KeyGift) -> EmailMessage:
    """Write the mail in the owner's language."""
    owner = gift.owner
    with reading_as(owner):
        context = {
            "name": owner.display_name,
            "by": gift.given_by.display_name if gift.given_by else "",
            "given": list(gift.given_keys.select_related("key").order_by("key__label")),
            "portal_url": settings.PORTAL_URL,
        }
        return compose("keys/mail/given_subject.txt", "keys/mail/given.txt", to=owner.email, context=context)
