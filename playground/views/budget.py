"""The remaining budget of the Playground, as the gateway reports it; loaded after the page is shown."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.policies import policy_of
from gateway.errors import GatewayError
from keys.services import course_playground_budget, playground_budget
from playground.services.payers import OWN, Payers
from web.request import PortalRequest


@require_safe
@never_cache
def budget_status(request: PortalRequest) -> HttpResponse:
    """Show the amount of the person, or of a course of theirs; a gateway that does not answer is no error here."""
    payer = request.GET.get("payer", "")
    course, sentence = None, ""
    if payer not in ("", OWN):
        payers = Payers.of(request.user, policy_of(request.user))
        course, sentence = payers.course(payer), payers.why_not(payer)
    status, is_silent = None, False
    try:
        if course:
            status = course_playground_budget(request.user, course.team_id)
        elif not sentence:
            status = playground_budget(request.user)
    except GatewayError:
        is_silent = True
    context = {"course": course, "sentence": sentence, "budget_status": status, "silent": is_silent}
    return render(request, "playground/_budget.html" if request.htmx else "playground/budget.html", context)
