"""More than the policy gives: more budget for a person until a day, and other limits for one key."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from accounts.audit import actor_of
from accounts.locale import reading_as
from accounts.models import AuditAction, Grant, User
from accounts.policies import Allowance, policy_of
from accounts.trail_words import thing_words
from keys import services as key_services
from keys.models import Key
from keys.services.trail import limit_lines
from people import services
from people.limit_forms import LimitsForm, TopUpForm
from people.views.common import Subject
from people.views.key_actions import key_of
from people.views.panel import render_person
from people.views.person import Confirmation, act_on_person, confirm, done, mail_sentence
from web.request import PortalRequest
from web.tasks import ask_worker
from web.templatetags.portal import day


@act_on_person
def top_up(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask how much, until when and why; on POST, raise the person's budget."""
    person, allowance = subject.person, policy_of(subject.person)
    form = TopUpForm(request.POST if request.method == "POST" else None, allowance=allowance)
    if not form.is_valid():
        return confirm(request, subject, _of_top_up(person, form), status=422 if form.is_bound else 200)
    try:
        grant = key_services.give_grant(person=person, actor=actor_of(request), **form.cleaned_data)
    except key_services.KeyRefused as refusal:
        return render_person(request, subject, alert=refusal.for_admin, status=409)
    services.tell_about_grant(grant, by=request.user.display_name)
    if key_services.apply_grant(grant):
        words = _("Topped up: %(name)s has %(what)s until %(day)s.")
    else:
        words = _("%(name)s gets %(what)s until %(day)s. The gateway has not confirmed it yet; it follows in a minute.")
    what = thing_words(grant.thing, grant.name, grant.amount_usd)
    return done(request, person, words, what=what, day=day(grant.ends_on))


@act_on_person
def end_grant(request: PortalRequest, subject: Subject, grant_id: int) -> HttpResponse:
    """Ask for a confirmation; on POST, end a grant."""
    person = subject.person
    grant = get_object_or_404(Grant.objects.filter(person=person), pk=grant_id)
    words = {"what": thing_words(grant.thing, grant.name, grant.amount_usd), "day": day(grant.ends_on)}
    if request.method != "POST":
        sentences = [
            _("%(name)s has %(what)s until %(day)s. It ends now.") % {"name": person.display_name, **words},
            _("What is spent stays spent: keys stop where a budget is used up without it."),
            mail_sentence(person),
        ]
        title = _("End this grant?")
        return confirm(request, subject, Confirmation(title=title, sentences=sentences, button=_("End it now")))
    try:
        key_services.end_grant(grant=grant, actor=actor_of(request))
    except key_services.KeyRefused as refusal:
        return render_person(request, subject, alert=refusal.for_admin, status=409)
    services.tell_about_grant(grant, by=request.user.display_name, is_over=True)
    key_services.apply_grant(grant)
    return done(request, person, _("Ended: %(name)s no longer has %(what)s."), what=words["what"])


@act_on_person
def limits(request: PortalRequest, subject: Subject, key_id: uuid.UUID) -> HttpResponse:
    """Ask which limits and why; on POST, set them on the key, whatever the policy says."""
    key, allowance = key_of(subject, key_id), policy_of(subject.person)
    if key.kind not in Key.COUNTED_KINDS:
        return render_person(request, subject, alert=str(key_services.KeyRefused("limits.kind")), status=409)
    form = LimitsForm(request.POST if request.method == "POST" else None, key=key, allowance=allowance)
    if not form.is_valid():
        return confirm(request, subject, _of_limits(key, allowance, form), status=422 if form.is_bound else 200)
    reason = form.cleaned_data["reason"]
    try:
        been = key_services.set_limits(
            key=key,
            actor=actor_of(request),
            limits=form.limits,
            expires_at=form.expires_at,
            reason=reason,
            as_seen=form.cleaned_data["as_seen"] or None,
        )
    except key_services.KeyRefused as refusal:
        return render_person(request, subject, alert=refusal.for_admin, status=409)
    with reading_as(key.owner):
        lines = limit_lines(been.changes)
    about = {"lines": lines, "reason": reason, "by": request.user.display_name}
    services.tell_about_key(owner=key.owner, label=key.label, action=AuditAction.CHANGE, **about)
    if been.has_followed:
        return done(request, subject.person, _("The limits of “%(label)s” are changed."), label=key.label)
    ask_worker("keys.apply_policies")
    words = _(
        "The limits of “%(label)s” are changed. The gateway has not confirmed them yet; they follow by themselves."
    )
    return done(request, subject.person, words, label=key.label)


def _of_top_up(person: User, form: TopUpForm) -> Confirmation:
    return Confirmation(
        title=_("Top up %(name)s?") % {"name": person.display_name},
        sentences=[
            _("The amount comes on top of the budget of %(name)s and of each of their keys, and ends by itself.")
            % {"name": person.display_name},
            mail_sentence(person),
        ],
        button=_("Top up"),
        is_bad=False,
        form=form,
    )


def _of_limits(key: Key, allowance: Allowance, form: LimitsForm) -> Confirmation:
    granted = _("What is granted to %(name)s is not in these limits, as it ends by itself. A budget set here stands.")
    return Confirmation(
        title=_("Change the limits of “%(label)s”?") % {"label": key.label},
        sentences=[
            _("What you leave as the policy has it goes on following the policy; the rest stays as it is here."),
            granted % {"name": key.owner.display_name} if allowance.before_grants else "",
            _("The budget of %(name)s for all keys together still counts.") % {"name": key.owner.display_name},
            mail_sentence(key.owner),
        ],
        button=_("Change the limits"),
        is_bad=False,
        form=form,
    )
