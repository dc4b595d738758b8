"""Actions of admins on a person's key: block, unblock, extend, delete. Each asks first; the owner gets a mail."""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import actor_of
from accounts.models import AuditAction
from gateway.errors import GatewayError
from keys import services as key_services
from keys.models import Key
from keys.status import promises
from keys.views.actions import in_words
from people import services
from people.views.common import Subject
from people.views.panel import render_person
from people.views.person import Confirmation, act_on_person, confirm, done
from web.request import PortalRequest

UNKNOWN = gettext_lazy(
    "The gateway’s answer was lost. We do not know yet whether it was done; we will ask the gateway %(soon)s, and this "
    "page will then show the right state."
)


@act_on_person
def block(request: PortalRequest, subject: Subject, key_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, block the key at the gateway until it is unblocked."""
    key = key_of(subject, key_id)
    if request.method == "POST":
        words = _("Blocked: the gateway refuses “%(label)s” until you unblock it.")
        return _act(request, subject, key, key_services.block_key, AuditAction.BLOCK, words)
    sentences = [
        _("The gateway refuses it, with each of its secrets, until you unblock it. Programs that use it stop.")
    ]
    return _ask(request, subject, key, _("Block “%(label)s”?"), sentences, _("Block this key"))


@act_on_person
def unblock(request: PortalRequest, subject: Subject, key_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, unblock the key."""
    key = key_of(subject, key_id)
    if request.method == "POST":
        words = _("Unblocked: “%(label)s” works again.")
        return _act(request, subject, key, key_services.unblock_key, AuditAction.UNBLOCK, words)
    sentences = [_("The gateway accepts it again, with the budget and limits that it has.")]
    return _ask(request, subject, key, _("Unblock “%(label)s”?"), sentences, _("Unblock this key"), is_bad=False)


@act_on_person
def extend(request: PortalRequest, subject: Subject, key_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, renew the key from now, even if it is early."""
    key = key_of(subject, key_id)
    if request.method == "POST":
        words = _("Extended: “%(label)s” has another lifetime from now.")
        return _act(request, subject, key, _extend, AuditAction.RENEW, words)
    sentences = [
        _("It gets another lifetime from now, and budget, limits and models as the policy of %(name)s has them now.")
        % {"name": subject.person.display_name}
    ]
    return _ask(request, subject, key, _("Extend “%(label)s”?"), sentences, _("Extend this key"), is_bad=False)


@act_on_person
def delete(request: PortalRequest, subject: Subject, key_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation; on POST, delete the key, here and at the gateway."""
    key = key_of(subject, key_id)
    if request.method == "POST":
        words = _("Deleted: the gateway refuses “%(label)s” from now on.")
        return _act(request, subject, key, key_services.delete_key, AuditAction.DELETE, words)
    sentences = [
        _("It stops working at once, everywhere."),
        _("What it has spent stays in Usage."),
        _("This cannot be undone. If you are not sure, block it."),
    ]
    return _ask(request, subject, key, _("Delete “%(label)s”?"), sentences, _("Delete this key"))


def _extend(*, key: Key, actor: Any) -> None:
    key_services.renew_key(key=key, actor=actor, early=True)


def key_of(subject: Subject, key_id: uuid.UUID) -> Key:
    """Return this key of the person; 404 for a key of somebody else."""
    keys = Key.objects.owned_by(subject.person).select_related("owner", "intern").prefetch_related("tokens")
    return get_object_or_404(keys, pk=key_id)


def _ask(
    request: PortalRequest,
    subject: Subject,
    key: Key,
    title: str,
    sentences: list[str],
    button: str,
    *,
    is_bad: bool = True,
) -> HttpResponse:
    """Ask for a confirmation of an action on a key: its owner, its user, who gets a mail."""
    person = subject.person
    whose = _("It is a key of %(name)s.") % {"name": person.display_name}
    if key.intern:
        whose = _("It is a key of %(name)s, for %(intern)s.") % {"name": person.display_name, "intern": key.intern.name}
    mail_words = _("A mail to %(address)s says so.") % {"address": person.email} if person.email else ""
    if not (person.email and person.is_active):
        mail_words = _("%(name)s gets no mail about it.") % {"name": person.display_name}
    words = [whose, *sentences, mail_words]
    confirmation = Confirmation(title=title % {"label": key.label}, sentences=words, button=button, is_bad=is_bad)
    return confirm(request, subject, confirmation)


def _act(
    request: PortalRequest,
    subject: Subject,
    key: Key,
    service: Callable[..., Any],
    action: AuditAction,
    words: str,
) -> HttpResponse:
    """Run it and confirm it; if it failed, show the person's page and say why."""
    try:
        service(key=key, actor=actor_of(request))
    except key_services.KeyRefused as refusal:
        return render_person(request, subject, alert=refusal.for_admin, status=409)
    except GatewayError as error:
        if action == AuditAction.DELETE:  # irreversible: the sweep finishes it
            _tell(request, key, action)
            alert, status = _("The gateway has not confirmed that “%(label)s” is deleted. %(again)s"), 503
            alert = alert % {"label": key.label, **promises()}
        else:
            alert, status = in_words(error, nothing=_("Nothing has changed"), unknown=UNKNOWN)
        return render_person(request, subject, alert=alert, status=status)
    _tell(request, key, action)
    return done(request, subject.person, words, label=key.label)


def _tell(request: PortalRequest, key: Key, action: AuditAction) -> None:
    services.tell_about_key(owner=key.owner, label=key.label, action=action, by=request.user.display_name)
