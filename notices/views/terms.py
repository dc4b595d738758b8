"""Terms of use: everybody reads and accepts them; people with permission publish versions, and see who accepted."""

from collections.abc import Iterator
from typing import Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import actor_of
from accounts.models import Terms, TermsAcceptance
from keys.services import TooManyActions, count_action
from notices import services
from notices.forms import TermsForm
from notices.views.common import preview_of, too_many
from usage.models import utc_today
from usage.queries.access import PageAccess, page_access
from web.redirects import is_ours, next_page
from web.request import PortalRequest
from web.spreadsheet import Row, csv_response, format_of

COLUMNS: Final = {
    "version": gettext_lazy("Version"),
    "accepted_at": gettext_lazy("Accepted (UTC)"),
    "person": gettext_lazy("User name"),
    "name": gettext_lazy("Name"),
    "email": gettext_lazy("E-mail"),
}


@require_safe
def terms(request: PortalRequest) -> HttpResponse:
    """Show the terms in force, and whether this person has accepted them; `next` is where they continue."""
    return _terms(request, request.GET.get("next", ""))


@require_POST
def accept(request: PortalRequest) -> HttpResponse:
    """Return to the person's page: AcceptTerms has recorded it; 409 if another version is in force by now."""
    in_force = Terms.objects.in_force_for(request.user)
    if getattr(in_force, "accepted_at", None) is None:
        alert = _("Nothing was accepted: tick the box. If the text has changed, this is the new version.")
        return _terms(request, request.POST.get("next", ""), alert=alert, status=409)
    messages.success(request, _("You have accepted the terms of use."))
    return redirect(next_page(request, reverse("keys:index")))


def _terms(request: PortalRequest, target: str, *, alert: str = "", status: int = 200) -> HttpResponse:
    context = {
        "in_force": Terms.objects.in_force_for(request.user),
        "next": target if is_ours(request, target) else "",
        "alert": alert,
    }
    return render(request, "notices/terms.html", context, status=status)


def _require(request: PortalRequest) -> PageAccess:
    """Return the access of a person with permission to publish terms; 403 for others."""
    access = page_access(request.user)
    if not access.manages_terms:
        raise PermissionDenied
    return access


@require_http_methods(["GET", "HEAD", "POST"])
def versions(request: PortalRequest) -> HttpResponse:
    """List all versions, and the draft of the next; on POST, a preview or, with `step` "save", save the draft."""
    access = _require(request)
    draft = Terms.objects.filter(published_at=None).first()
    newest = Terms.objects.published().first()
    form = TermsForm(request.POST if request.method == "POST" else None, instance=draft or _copy(newest))
    if form.is_bound and not form.is_valid():
        return _versions(request, access, form, draft, status=422)
    if form.is_bound and request.POST.get("step") == "save":
        try:
            count_action(request.user, "notices:terms")
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            return too_many(_versions(request, access, form, draft, status=429), refusal)
        services.save_draft(**form.cleaned_data, actor=actor_of(request))
        messages.success(request, _("The draft is saved. Nobody sees it until it is published."))
        return redirect("notices:terms_versions")
    return _versions(request, access, form, draft)


def _copy(newest: Terms | None) -> Terms:
    """Return an unsaved version with the texts of the newest."""
    return Terms(text_en=newest.text_en, text_fr=newest.text_fr) if newest else Terms()


def _versions(
    request: PortalRequest, access: PageAccess, form: TermsForm, draft: Terms | None, *, status: int = 200
) -> HttpResponse:
    published = Terms.objects.published().annotate(accepted=Count("acceptances"))
    context = {
        "access": access,
        "here": "notices:terms_versions",
        "form": form,
        "draft": draft,
        "versions": published,
        "preview": preview_of(form.instance) if form.is_bound and status == 200 else None,
    }
    return render(request, "notices/terms_versions.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: PortalRequest, terms_id: int) -> HttpResponse:
    """Ask for a confirmation; on POST, publish the draft."""
    access = _require(request)
    draft = get_object_or_404(Terms, pk=terms_id)
    context = {"access": access, "draft": draft, "preview": preview_of(draft)}
    if request.method != "POST":
        return render(request, "notices/publish_terms.html", context, status=409 if draft.published_at else 200)
    try:
        count_action(request.user, "notices:terms")
        services.publish(draft_id=draft.pk, digest=request.POST.get("digest", ""), actor=actor_of(request))
    except TooManyActions as refusal:
        return too_many(
            render(request, "notices/publish_terms.html", {**context, "alert": str(refusal)}, status=429), refusal
        )
    except services.DraftChanged:
        draft.refresh_from_db()
        alert = _("Nothing was published: somebody has changed the draft. This is the new text.")
        context |= {"preview": preview_of(draft), "alert": alert}
        return render(request, "notices/publish_terms.html", context, status=409)
    except services.NothingToPublish:
        alert = _("Nothing changed: this version is already in force.")
        return render(request, "notices/publish_terms.html", {**context, "alert": alert}, status=409)
    messages.success(request, _("Published: it has to be accepted before the next key."))
    return redirect("notices:terms_versions")


@require_safe
@gzip_page
def accepted_csv(request: PortalRequest) -> StreamingHttpResponse:
    """Return who accepted which version when, newest first."""
    _require(request)
    form = format_of(request)
    header = [str(words) if form.for_people else name for name, words in COLUMNS.items()]
    return csv_response(f"passerelle-terms-{utc_today()}.csv", _rows(header), form)


def _rows(header: Row) -> Iterator[Row]:
    yield header
    accepted = TermsAcceptance.objects.select_related("terms", "person").order_by("-accepted_at", "-pk")
    for each in accepted.iterator():
        at = each.accepted_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        person = each.person
        yield [each.terms.version, at, person.username, person.get_full_name(), person.email]
