"""The cost centre of a person and of a group: a form with one field; facts of today on follow with the next poll."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.audit import actor_of
from accounts.cost_centres import cost_centre_of, set_cost_centre_of_group, set_cost_centre_of_person
from accounts.models import GroupCostCentre
from keys.services import TooManyActions, count_action
from people.forms import CostCentreForm
from people.views.common import Subject
from people.views.group_common import group_subject
from people.views.person import Confirmation, act_on_person, confirm, done
from web.request import PortalRequest


@act_on_person
def cost_centre(request: PortalRequest, subject: Subject) -> HttpResponse:
    """Ask for a code; on POST, give it to the person."""
    person = subject.person
    form = CostCentreForm(request.POST if request.method == "POST" else None, initial={"code": person.cost_centre})
    if not form.is_valid():
        present = cost_centre_of(person)
        confirmation = Confirmation(
            title=_("Cost centre of %(name)s") % {"name": person.display_name},
            sentences=[
                from_now_on(),
                _("Without a code of their own, that of the group %(group)s holds: %(code)s.")
                % {"group": present.group, "code": present.code}
                if present.group
                else "",
            ],
            button=_("Save"),
            is_bad=False,
            form=form,
        )
        return confirm(request, subject, confirmation, status=422 if form.is_bound else 200)
    set_cost_centre_of_person(person=person, code=form.cleaned_data["code"], actor=actor_of(request))
    return done(request, person, _("The cost centre of %(name)s is saved."))


@require_http_methods(["GET", "HEAD", "POST"])
def group_cost_centre(request: PortalRequest, group_id: int) -> HttpResponse:
    """Ask for a code; on POST, give it to the group."""
    subject = group_subject(request, group_id)
    if not subject.may_change_cost_centre:
        raise PermissionDenied
    group, status = subject.group, 200
    code = GroupCostCentre.objects.filter(group=group).values_list("code", flat=True).first() or ""
    form = CostCentreForm(request.POST if request.method == "POST" else None, initial={"code": code})
    if request.method == "POST":
        status = 422
        try:
            count_action(request.user, "people:group_cost_centre")
            if form.is_valid():
                set_cost_centre_of_group(group=group, code=form.cleaned_data["code"], actor=actor_of(request))
                messages.success(request, _("The cost centre is saved."))
                return redirect("people:group", group.pk)
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            status = 429
    context = {"access": subject.access, "here": "people:group", "form": form, "subject": subject}
    return render(request, "people/group_cost_centre.html", context | {"from_now_on": from_now_on()}, status=status)


def from_now_on() -> str:
    """Say which usage gets the code."""
    return _("Usage from today on (UTC) is counted under it. That of earlier days keeps the code that it has.")
