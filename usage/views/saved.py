"""Saved views of the explorer: list, save, open, change, delete."""

from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from usage.explorer_view import view_of
from usage.forms import SavedViewForm
from usage.models import SavedView
from usage.pages import MINE, Page, page_of
from usage.services import ViewRefused, save_view
from web.request import PortalRequest

FORM: Final = ["GET", "HEAD", "POST"]


@require_safe
def index(request: PortalRequest) -> HttpResponse:
    """List the person's views."""
    return render(request, "usage/views.html", {"views": SavedView.objects.filter(owner=request.user)})


@require_safe
def start(request: PortalRequest) -> HttpResponse:
    """Go to the view that the person chose as the start page of Usage, else to My usage."""
    view = SavedView.objects.filter(owner=request.user, is_start=True).first()
    return _open(request, view) if view else redirect(MINE)


@require_safe
def show(request: PortalRequest, view_id: UUID) -> HttpResponse:
    """Go to a view, own or shared, as far as the reader's rights go."""
    visible = SavedView.objects.filter(Q(owner=request.user) | Q(is_shared=True))
    return _open(request, get_object_or_404(visible, pk=view_id))


def _open(request: PortalRequest, view: SavedView) -> HttpResponse:
    """Redirect to the page; to My usage, with the same question, where the reader may not see the page."""
    params = QueryDict(view.query)
    try:
        page_of(request.user, view.page, params)
    except PermissionDenied:
        messages.info(request, _("You see this view with the usage of your own keys."))
        return HttpResponseRedirect(_address(MINE, _query_of(params, page_of(request.user, MINE, params))))
    return HttpResponseRedirect(_address(view.page, view.query))


def _query_of(params: QueryDict, page: Page) -> str:
    """Return what of these parameters the page has: not the people in the filters of a page for everybody."""
    return urlencode({**page.scope.params(), **page.period.params(), **view_of(params, page).chosen})


def _address(here: str, query: str) -> str:
    return f"{reverse(here)}?{query}" if query else reverse(here)


@require_http_methods(FORM)
def save(request: PortalRequest) -> HttpResponse:
    """Save what the URL names, as the page has it; `of` is the route of the page."""
    here = request.GET.get("of", MINE)
    if here not in SavedView.Page:
        raise Http404
    page = page_of(request.user, here, request.GET)
    view = SavedView(owner=request.user, page=here, query=_query_of(request.GET, page))
    return _form(request, view, back=_address(here, view.query), title=_("Save this view"))


@require_http_methods(FORM)
def change(request: PortalRequest, view_id: UUID) -> HttpResponse:
    """Rename a view, share it, make it the start page, choose its mail."""
    view = get_object_or_404(SavedView, pk=view_id, owner=request.user)
    return _form(request, view, back=reverse("usage:views"), title=_("Change the view"))


def _form(request: PortalRequest, view: SavedView, *, back: str, title: str) -> HttpResponse:
    form = SavedViewForm(request.POST if request.method == "POST" else None, instance=view)
    if form.is_bound and form.is_valid():
        try:
            save_view(view)
        except ViewRefused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, _("The view is saved."))
            return redirect("usage:views")
    context = {"form": form, "back": back, "title": title}
    return render(request, "usage/save_view.html", context, status=422 if form.is_bound else 200)


@require_http_methods(FORM)
def delete(request: PortalRequest, view_id: UUID) -> HttpResponse:
    """Delete a view, after a question."""
    view = get_object_or_404(SavedView, pk=view_id, owner=request.user)
    if request.method != "POST":
        return render(request, "usage/delete_view.html", {"view": view})
    view.delete()
    messages.success(request, _("The view is deleted."))
    return redirect("usage:views")
