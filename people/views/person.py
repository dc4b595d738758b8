"""A person's page, and actions of admins on the account. Each asks first, and says what it does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts import second_factor
from accounts.audit import actor_of
from accounts.forms import EndTokensForm
from accounts.fresh import needs_fresh_sign_in
from accounts.models import User
from keys.services import TooManyActions, count_action
from people import services
from people.views.common import Subject, subject_of, subject_to_act_on
from people.views.panel import render_person
from playground.services.anonymise import anonymise as anonymise_person
from playground.services.anonymise import belongings_of
from web.pages import render_region
from web.request import PortalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The confirmation of an action."""

    title: str
    sentences: list[str]
    button: str
    stops: list[str] = field(default_factory=list)  # one by one
    is_bad: bool = True  # the button is red
    form: forms.Form | None = None  # a choice to make


def act_on_person(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer GET with the confirmation and POST with the action, of which KEY_ACTIONS_PER_HOUR limits each kind.

    The view gets the person as a Subject, after the check that the admin may change them.
    """

    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def answer(request: PortalRequest, person_id: int, **named: Any) -> HttpResponse:
        subject = subject_to_act_on(request, person_id)
        if request.method == "POST":
            try:
                count_action(request.user, f"people:{view.__name__}")
            except TooManyActions as refusal:
                response = render_person(request, subject, alert=str(refusal), status=429)
                response.headers["Retry-After"] = str(refusal.retry_after_s)
                return response
        return view(request, subject, **named)

    return answer


@require_safe
def detail(request: PortalRequest, person_id: int) -> HttpResponse:
    """Show a person: keys, budget, groups, interns, and history."""
    return render_person(request, subject_of(request, person_id))


@act_on_person
def activate(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation; on POST, open the account again."""
    person = subject.person
    if request.method != "POST":
        sentences = [
            _("%(name)s can sign in again. Keys that were blocked because the account was inactive work again.")
            % {"name": person.display_name},
            mail_sentence(person),
        ]
        title = _("Activate the account of %(name)s?") % {"name": person.display_name}
        return confirm(
            request, subject, Confirmation(title=title, sentences=sentences, button=_("Activate"), is_bad=False)
        )
    if not services.activate(person=person, actor=actor_of(request)):
        return render_person(request, subject, alert=_("Nothing changed: this account is active already."), status=409)
    return done(request, person, _("Activated: %(name)s can sign in, and the keys are being unblocked."))


@act_on_person
def sign_out(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation; on POST, end all sessions of the person."""
    person = subject.person
    if request.method != "POST":
        sentences = [
            _("All browsers in which %(name)s is signed in are signed out. Keys and password stay as they are.")
            % {"name": person.display_name},
            _("Links in mails that they had so far no longer work."),
            mail_sentence(person),
        ]
        title = _("Sign %(name)s out everywhere?") % {"name": person.display_name}
        return confirm(
            request,
            subject,
            Confirmation(title=title, sentences=sentences, button=_("Sign out everywhere"), form=EndTokensForm()),
        )
    services.sign_out_everywhere(person=person, actor=actor_of(request), tokens="tokens" in request.POST)
    return done(request, person, _("Signed out: %(name)s has to sign in again."))


@needs_fresh_sign_in()
@act_on_person
def reset_second_factor(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation; on POST, remove the second factor of a person who lost it."""
    person = subject.person
    if request.method != "POST":
        sentences = [
            _("Their password alone signs %(name)s in until they set up another one.") % {"name": person.display_name},
            _("Check the person’s identity first: somebody else who knows the password may be asking."),
            _("They are signed out everywhere."),
            mail_sentence(person),
        ]
        title = _("Reset the second factor of %(name)s?") % {"name": person.display_name}
        return confirm(
            request, subject, Confirmation(title=title, sentences=sentences, button=_("Reset the second factor"))
        )
    if not second_factor.reset_second_factor(person, actor_of(request)):
        return render_person(request, subject, alert=_("Nothing changed: there is no second factor."), status=409)
    return done(request, person, _("Reset: %(name)s signs in without a second factor until they set up another one."))


@needs_fresh_sign_in()
@act_on_person
def anonymise(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a confirmation, with what is deleted and what stays; on POST, anonymise the account."""
    person = subject.person
    if request.method != "POST":
        return confirm(request, subject, _of_anonymisation(person))
    anonymise_person(person=person, actor=actor_of(request))
    person.refresh_from_db()
    return done(
        request,
        person,
        _("Anonymised: the account is “%(name)s” now. Its keys are deleted at the gateway in the background."),
    )


def confirm(request: PortalRequest, subject: Subject, confirmation: Confirmation, *, status: int = 200) -> HttpResponse:
    """Ask for a confirmation of an action; the form is sent to the same URL."""
    context = {"access": subject.access, "person": subject.person, "asked": confirmation, "here": "people:person"}
    return render_region(request, "people/confirm.html", "panel", context, status=status)


def done(request: PortalRequest, person: User, sentence: str, **words: Any) -> HttpResponse:
    """Return to the person's page with the result."""
    messages.success(request, sentence % {"name": person.display_name, **words})
    return redirect("people:person", person.pk)


def _of_anonymisation(person: User) -> Confirmation:
    goes = belongings_of(person)
    talks = ngettext(
        "%(count)d conversation of the Playground, with its images",
        "%(count)d conversations of the Playground, with their images",
        goes.conversations,
    )
    keys = ngettext(
        "%(count)d key, here and at the gateway: programs that use it stop",
        "%(count)d keys, here and at the gateway: programs that use them stop",
        goes.keys,
    )
    interns = ngettext(
        "the name and e-mail address of %(count)d intern",
        "the names and e-mail addresses of %(count)d interns",
        goes.interns,
    )
    return Confirmation(
        title=_("Anonymise %(name)s?") % {"name": person.display_name},
        sentences=[
            _("This makes the account of %(name)s a number. It cannot be undone.") % {"name": person.display_name},
            _("What was used and what it cost stays, under the number. Deleted for good:"),
        ],
        stops=[
            _("name, user name, e-mail address, password, groups and sessions"),
            talks % {"count": goes.conversations},
            keys % {"count": goes.keys},
            interns % {"count": goes.interns},
            _("names, labels and network addresses of this person in the audit trail"),
        ],
        button=_("Anonymise"),
    )


def mail_sentence(person: User) -> str:
    """Return the sentence that says whether the person gets a mail."""
    if person.email:
        return _("A mail to %(address)s says so.") % {"address": person.email}
    return _("There is no e-mail address, so no mail is sent.")
