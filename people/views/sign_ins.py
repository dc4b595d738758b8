"""The last sign-ins of all people, by every identity provider, for whoever manages people."""

from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.identity_providers import Ldap, Saml, identity_provider, identity_providers
from accounts.models import SamlMetadata, SignIn
from accounts.sign_in_rows import in_rows
from accounts.try_sign_in import NothingSent, ProviderUnavailable, attributes_in, entry_of, lines
from keys.services import TooManyActions, count_action
from people.sign_in_form import TrySignInForm
from people.views.common import require_sight
from usage.queries.access import PageAccess
from web.request import PortalRequest

SHOWN = 50  # on a page
LOCAL = "local"  # in the address, of local accounts


def require_management(request: PortalRequest) -> PageAccess:
    """Return the access of a person who manages people; refuse the others: they see more than the list of people."""
    access = require_sight(request)
    if not access.manages_people:
        raise PermissionDenied
    return access


@require_safe
def sign_ins(request: PortalRequest) -> HttpResponse:
    """Show the last sign-ins and refusals: of a provider, with a text, or only the refusals."""
    access = require_management(request)
    found = SignIn.objects.select_related("user").newest_first()
    provider = request.GET.get("provider", "").replace("\0", "")  # PostgreSQL refuses it
    text = request.GET.get("q", "").replace("\0", "").strip()[:100]
    refused = request.GET.get("refused") == "1"
    if provider:
        found = found.filter(provider="" if provider == LOCAL else provider)
    if refused:
        found = found.refused()
    if text:
        found = found.matching(text)
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    chosen = {"q": text, "provider": provider, "refused": "1" if refused else ""}
    context = {
        "access": access,
        "here": "people:sign_ins",
        "page": page,
        "rows": in_rows(page),
        "text": text,
        "provider": provider,
        "providers": [(LOCAL, _("Local accounts")), *((each.id, each.title) for each in identity_providers())],
        "refused": refused,
        "metadata": _metadata_in_use(),
        "has_providers": bool(identity_providers()),
        "query": urlencode({name: value for name, value in chosen.items() if value}),
        "days": settings.SIGN_IN_RETENTION_DAYS,
    }
    return render(request, "people/sign_ins.html", context)


def _metadata_in_use() -> list[tuple[str, SamlMetadata]]:
    """Return how current the metadata of each SAML provider is, with its name."""
    titles = {each.id: each.title for each in identity_providers() if isinstance(each, Saml)}
    found = SamlMetadata.objects.filter(pk__in=titles).order_by("pk") if titles else []
    return [(titles[each.pk], each) for each in found]


@require_http_methods(["GET", "HEAD", "POST"])
def try_sign_in(request: PortalRequest) -> HttpResponse:
    """Show what a sign-in would do, by attributes that are pasted or by an entry of a directory; change nothing."""
    access = require_management(request)
    form = TrySignInForm(request.POST if request.method == "POST" else None)
    found: list[str] = []
    status = 200
    if form.is_bound:
        status = 422
        try:
            count_action(request.user, "people:try_sign_in")
            if form.is_valid():
                found, status = _tried(form), 200
        except TooManyActions as refusal:
            form.add_error(None, str(refusal))
            status = 429
        except NothingSent as refusal:
            form.add_error(None, str(refusal))
            status = 503 if isinstance(refusal, ProviderUnavailable) else 422
    context = {"access": access, "here": "people:sign_ins", "form": form, "lines": found}
    context["has_providers"] = bool(identity_providers())
    return render(request, "people/try_sign_in.html", context, status=status)


def _tried(form: TrySignInForm) -> list[str]:
    """Return what would come of it, in sentences. Raises NothingSent."""
    provider = identity_provider(form.cleaned_data["provider"])
    if provider is None:  # of no choice, so the form has refused it
        raise NothingSent
    if isinstance(provider, Ldap) and form.cleaned_data["username"]:
        subject, attributes = entry_of(provider, form.cleaned_data["username"])
    else:
        subject, attributes = attributes_in(form.cleaned_data["attributes"])
    return list(lines(provider, subject, attributes))
