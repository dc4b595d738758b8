"""Actions on interns, by their supervisor or an admin. Each parses, calls one service, renders."""

import uuid
from decimal import Decimal

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.audit import actor_of
from accounts.models import AuditEntry, AuditObject, User
from accounts.policies import policy_of
from gateway.errors import GatewayError
from keys import services
from keys.forms import HandoverForm, InternForm, StayForm
from keys.limit_forms import OwnLimitsForm
from keys.models import Intern, Key
from keys.rows import row_with_use
from keys.services.key_limits import override_of
from keys.status import promises
from keys.use import PersonUse, use_counter
from keys.views.actions import in_words, limited, own_key, refuse
from keys.views.check import ENTRIES_A_PAGE
from web.pages import render_region
from web.request import PortalRequest
from web.tasks import ask_worker

MAX_SOUGHT = 200  # characters
LATER_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. We will ask it %(soon)s and set the keys to the date shown here; then try again."
)
EARLIER_OR_NOT = gettext_lazy(
    "The end of the stay is changed. The gateway has not confirmed it for every key; we will try again %(soon)s."
)


def own_intern(request: PortalRequest, intern_id: uuid.UUID, *, also_by_admins: bool = False) -> Intern:
    """Return an intern of the person's, or with `also_by_admins` anybody's for admins; 404 for others."""
    interns = Intern.objects.select_related("supervisor", "account")
    if not (also_by_admins and request.user.has_perm("keys.change_intern")):
        interns = interns.supervised_by(request.user)
    intern = get_object_or_404(interns, pk=intern_id)
    if request.method == "POST" and request.resolver_match:
        services.count_action(request.user, request.resolver_match.view_name)
    return intern


@require_safe
def detail(request: PortalRequest, intern_id: uuid.UUID) -> HttpResponse:
    """Show an intern with their keys, spend and history: to their supervisor."""
    intern = own_intern(request, intern_id)
    keys = Key.objects.owned_by(request.user).filter(intern=intern).newest_first()
    use = use_counter().of_person(request, by_day=True) if keys else PersonUse()
    rows = [row_with_use(key, use) for key in keys]
    context = {
        "intern": intern,
        "rows": sorted(rows, key=lambda row: row.key.state not in Key.LIVE_STATES),  # newest first within each part
        "recent_usd": sum((row.use.recent_usd for row in rows if row.use), Decimal(0)),
        "use_as_of": use.as_of,
        "moving": Key.objects.to_move().filter(intern=intern).count(),
        "may_have_keys": policy_of(request.user).may_name_interns,
        "entries": AuditEntry.objects.of_object(AuditObject.INTERN, intern.pk)[:ENTRIES_A_PAGE],
    }
    return render(request, "keys/intern.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def edit(request: PortalRequest, intern_id: uuid.UUID) -> HttpResponse:
    """Show the form for name and address of an intern; on POST, change them."""
    intern = own_intern(request, intern_id)
    initial = {"name": intern.name, "email": intern.email}
    form = InternForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            services.change_intern(intern=intern, actor=actor_of(request), **form.cleaned_data)
        except services.KeyRefused as refusal:
            form.add_error("email" if form.cleaned_data["email"] else "name", str(refusal))
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("keys:intern", intern.pk)
    status = 422 if form.is_bound else 200
    return render_region(request, "keys/intern_edit.html", "panel", {"intern": intern, "form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def stay(request: PortalRequest, intern_id: uuid.UUID) -> HttpResponse:
    """Show the form for another end of an intern's stay; on POST, change it."""
    intern = own_intern(request, intern_id, also_by_admins=True)
    form = StayForm(request.POST if request.method == "POST" else None, initial={"stay_ends_on": intern.stay_ends_on})
    if form.is_valid():
        ends_on = form.cleaned_data["stay_ends_on"]
        try:
            services.change_stay(intern=intern, ends_on=ends_on, actor=actor_of(request))
        except (services.KeyRefused, GatewayError) as error:
            form.add_error(None, why_not_stay(error, earlier=services.is_earlier(ends_on, than=intern.stay_ends_on)))
        else:
            return _stay_changed(request, intern)
    keys = intern.keys.live().newest_first()
    context = {"intern": intern, "keys": keys, "form": form, "is_mine": intern.supervisor_id == request.user.pk}
    return render_region(request, "keys/stay.html", "panel", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def hand_over(request: PortalRequest, intern_id: uuid.UUID) -> HttpResponse:
    """Find another supervisor for an intern (?q=…), and say what moves with them; on POST, hand over."""
    intern = own_intern(request, intern_id, also_by_admins=True)
    sought = (request.POST if request.method == "POST" else request.GET).get("q", "").replace("\0", "")[:MAX_SOUGHT]
    found = services.may_take_over(intern, sought)
    form = HandoverForm(request.POST if request.method == "POST" else None, people=found)
    if form.is_valid():
        to = form.cleaned_data["supervisor"]
        try:
            left = services.hand_over(intern=intern, to=to, actor=actor_of(request))
        except services.KeyRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _handed_over(request, intern, to, left)
    context = {
        "intern": intern,
        "form": form,
        "q": sought,
        "found": found,
        "is_full": len(found) == services.MAX_SHOWN,
        "keys": intern.keys.live().newest_first(),
        "is_mine": intern.supervisor_id == request.user.pk,
    }
    return render_region(request, "keys/hand_over.html", "panel", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def limits(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show the form for budget, models and end of a key; on POST, set them, within the own policy."""
    key = own_key(request, key_id, kind__in=Key.COUNTED_KINDS)
    if key.intern is not None and key.intern.supervisor_id != request.user.pk:  # it is being handed over
        raise Http404
    form = OwnLimitsForm(request.POST if request.method == "POST" else None, key=key, allowance=policy_of(request.user))
    status = 422 if form.is_bound else 200
    try:
        services.check_not_by_admin(override_of(key))
        if form.is_valid():
            return _limits_set(request, key, form)
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    return render_region(request, "keys/limits.html", "panel", {"key": key, "form": form}, status=status)


def _limits_set(request: PortalRequest, key: Key, form: OwnLimitsForm) -> HttpResponse:
    """Set the limits, and confirm it on the page of the intern, or of the key."""
    been = services.set_limits(
        key=key,
        actor=actor_of(request),
        limits=form.limits,
        expires_at=form.expires_at,
        as_seen=form.cleaned_data["as_seen"] or None,
        within_policy=True,
    )
    if been.has_followed:
        messages.success(request, _("The limits of “%(label)s” are changed.") % {"label": key.label})
    else:
        ask_worker("keys.apply_policies")
        words = _(
            "The limits of “%(label)s” are changed. The gateway has not confirmed them yet; they follow by themselves."
        )
        messages.warning(request, words % {"label": key.label})
    return redirect("keys:intern", key.intern_id) if key.intern_id else redirect("keys:detail", key.pk)


def _handed_over(request: PortalRequest, intern: Intern, to: User, left: int) -> HttpResponse:
    """Confirm it, and say what is still to follow."""
    names = {"intern": intern.name, "name": to.display_name}
    messages.success(request, _("%(name)s is now the supervisor of %(intern)s.") % names)
    if left:
        words = ngettext("%(count)d key follows %(soon)s.", "%(count)d keys follow %(soon)s.", left)
        messages.warning(request, words % {"count": left, **promises()})
    return redirect("usage:interns" if intern.supervisor_id == request.user.pk else "admin:keys_intern_changelist")


def why_not_stay(error: services.KeyRefused | GatewayError, *, earlier: bool) -> str:
    """Explain why a change of the stay did not reach all keys."""
    if not isinstance(error, GatewayError):
        return str(error)
    if earlier:
        return str(EARLIER_OR_NOT) % promises()
    return in_words(error, nothing=_("The date has not changed"), unknown=LATER_OR_NOT)[0]


def _stay_changed(request: PortalRequest, intern: Intern) -> HttpResponse:
    """Confirm it; an admin stays on the page, since that of the intern is for the supervisor."""
    messages.success(request, _("The end of %(name)s’s stay is changed.") % {"name": intern.name})
    is_mine = intern.supervisor_id == request.user.pk
    return redirect("keys:intern" if is_mine else "keys:intern_stay", intern.pk)
