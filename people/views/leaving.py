"""Somebody leaves: the account is closed, and their interns get another supervisor, now or within the grace period."""

from typing import Final

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import actor_of
from accounts.fresh import needs_fresh_sign_in
from accounts.models import User
from keys import services as key_services
from keys.models import Intern, Key
from people import services
from people.forms import SupervisorForm
from people.views.common import Subject
from people.views.panel import render_person
from people.views.person import Confirmation, act_on_person, confirm, done, mail_sentence
from web.request import PortalRequest
from web.templatetags.portal import day

NAMES_SHOWN: Final = 20  # of keys that stop, or of interns
REFUSALS_SHOWN: Final = 5


@needs_fresh_sign_in()
@act_on_person
def deactivate(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation and the interns' new supervisor; on POST, hand them over and close the account."""
    person = subject.person
    form = _form(request, person, optional=True) if person.is_active and interns_of(person) else None
    if request.method != "POST":
        return confirm(request, subject, _of_deactivation(person, form))
    if form and not form.is_valid():
        return confirm(request, subject, _of_deactivation(person, form), status=422)
    to = form.cleaned_data["supervisor"] if form else None
    if to and (refused := _hand_over(request, person, to)):
        alert = " ".join([_("The account is still active."), not_handed_over(refused)])
        return render_person(request, subject, alert=alert, status=409)
    if not services.deactivate(person=person, actor=actor_of(request)):
        return render_person(
            request, subject, alert=_("Nothing changed: this account is inactive already."), status=409
        )
    if to:
        words = _("Deactivated: %(name)s cannot sign in. %(to)s supervises the interns now.")
        return done(request, person, words, to=to.display_name)
    return done(request, person, _("Deactivated: %(name)s cannot sign in, and the keys are being blocked."))


@act_on_person
def hand_over(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for the new supervisor of a person's interns; on POST, hand them over."""
    person = subject.person
    if not interns_of(person):
        alert = _("Nothing changed: %(name)s has no interns.") % {"name": person.display_name}
        return render_person(request, subject, alert=alert, status=409 if request.method == "POST" else 200)
    form = _form(request, person, optional=False)
    if request.method != "POST" or not form.is_valid():
        return confirm(request, subject, _of_handover(person, form), status=422 if form.is_bound else 200)
    to = form.cleaned_data["supervisor"]
    if refused := _hand_over(request, person, to):
        return render_person(request, subject, alert=not_handed_over(refused), status=409)
    return done(request, person, _("%(to)s supervises the interns of %(name)s now."), to=to.display_name)


def interns_of(person: User) -> list[Intern]:
    """Return the interns of a person, by name."""
    return Intern.objects.supervised_by(person).select_related("supervisor").by_name()


def _form(request: PortalRequest, person: User, *, optional: bool) -> SupervisorForm:
    none = ""
    if optional:
        none = _("Nobody yet: their keys work until %(day)s") % {"day": day(key_services.grace_ends_at())}
    return SupervisorForm(request.POST if request.method == "POST" else None, leaving=person, none=none)


def _hand_over(request: PortalRequest, person: User, to: User) -> dict[Intern, key_services.KeyRefused]:
    """Hand all interns over; return those who stay, with the reason."""
    return key_services.hand_over_all(interns=interns_of(person), to=to, actor=actor_of(request))


def not_handed_over(refused: dict[Intern, key_services.KeyRefused]) -> str:
    """Say who was not handed over, and why."""
    count = len(refused)
    words = ngettext("%(count)d intern was not handed over:", "%(count)d interns were not handed over:", count)
    named = [f"{intern.name}: {why}" for intern, why in list(refused.items())[:REFUSALS_SHOWN]]
    return " ".join([words % {"count": count}, *named])


def _of_deactivation(person: User, form: SupervisorForm | None) -> Confirmation:
    keys = Key.objects.owned_by(person).live().newest_first()
    stop = [key.label for key in keys if key.intern is None]
    go_on = len(keys) - len(stop)
    counted = ngettext("%(count)d key stops within minutes:", "%(count)d keys stop within minutes:", len(stop))
    sentences = [
        _("%(name)s is signed out and cannot sign in. You can activate the account again.")
        % {"name": person.display_name},
        mail_sentence(person),
        go_on_sentence(go_on) if go_on else "",
        counted % {"count": len(stop)} if stop else _("There is no key that would stop at once."),
    ]
    return Confirmation(
        title=_("Deactivate the account of %(name)s?") % {"name": person.display_name},
        sentences=sentences,
        stops=_shortened(stop),
        button=_("Deactivate"),
        form=form,
    )


def go_on_sentence(count: int) -> str:
    """Say until when so many keys of interns work whose supervisors leave now."""
    words = ngettext(
        "%(count)d key that interns use works until %(day)s. Then it is blocked, unless somebody takes the interns "
        "over.",
        "%(count)d keys that interns use work until %(day)s. Then they are blocked, unless somebody takes the interns "
        "over.",
        count,
    )
    return words % {"count": count, "day": day(key_services.grace_ends_at())}


def _shortened(names: list[str]) -> list[str]:
    more = len(names) - NAMES_SHOWN
    return names if more <= 0 else [*names[:NAMES_SHOWN], _("and %(count)d more") % {"count": more}]


def _of_handover(person: User, form: SupervisorForm) -> Confirmation:
    interns = interns_of(person)
    count = len(interns)
    words = ngettext("Hand over %(count)d intern of %(name)s?", "Hand over %(count)d interns of %(name)s?", count)
    return Confirmation(
        title=words % {"count": count, "name": person.display_name},
        sentences=[
            _("Their keys keep their secrets. What they spend from now on counts in the new supervisor’s budget."),
            _("The new supervisor and the interns get a mail."),
        ],
        stops=_shortened([intern.name for intern in interns]),
        button=_("Hand over"),
        is_bad=False,
        form=form,
    )
