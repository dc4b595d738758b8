"""Actions on keys: create, renew, replace the secret, delete, relabel. Each parses, calls one service, renders."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from accounts.audit import actor_of
from accounts.policies import policy_of
from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayUnavailable
from keys import services
from keys.catalogue import default_chat_model
from keys.forms import KeyForm, LabelForm
from keys.models import Key
from keys.rows import row_of
from keys.snippets import base_url, filled, filled_tools
from keys.status import promises, until
from keys.use import use_counter
from keys.views.panel import render_panel
from web.pages import render_region
from web.request import PortalRequest

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise

View = Callable[..., HttpResponse]

MADE_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. We do not know yet whether the key was created. If it was, nobody has seen "
    "its secret, and we will delete it %(soon)s."
)
ROTATED_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. Your current secret still works. If a new one was created, nobody has seen "
    "it, and we will delete it %(soon)s."
)
REPLACED_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost, and the leaked secret still works. Try again in five minutes, or delete the "
    "key now. If a new secret was created, nobody has seen it, and we will delete it %(soon)s."
)
RENEWED_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. We do not know yet whether the key was renewed; we will ask the gateway "
    "%(soon)s, and the list will then show the right expiry."
)
# The field of each refusal; others belong to the whole form
PAUSED = gettext_lazy("Paused: the gateway refuses “%(label)s” until you resume it.")
SWITCHED_OR_NOT = gettext_lazy(
    "The gateway’s answer was lost. We do not know yet whether it was done; we will ask the gateway %(soon)s, and the "
    "list will then show the right state."
)
FIELDS_AT_FAULT: Final = {"label": "label", "intern_known": "intern_name", "intern_gone": "intern"}


def own_key(request: PortalRequest, key_id: uuid.UUID, **about: object) -> Key:
    """Return the person's key, if it is such a one; 404 for one of another person, or that they hand out.

    A POST counts as an action: see `limited`.
    """
    related = ("owner__person_budget", "intern", "override", "team__course")
    keys = Key.objects.used_by_owner(request.user).select_related(*related)
    key = get_object_or_404(keys.prefetch_related("tokens"), pk=key_id, **about)
    if request.method == "POST" and request.resolver_match:
        services.count_action(request.user, request.resolver_match.view_name)
    return key


def limited(view: View) -> View:
    """Refuse a POST that is one too many within the hour (KEY_ACTIONS_PER_HOUR), and say when the next is possible."""

    @wraps(view)
    def answer(request: PortalRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except services.TooManyActions as refusal:
            return wait(refuse(request, str(refusal), status=429), refusal)

    return answer


def wait(response: HttpResponse, refusal: services.TooManyActions) -> HttpResponse:
    """Name in a response how long to wait after too many actions."""
    response.headers["Retry-After"] = str(refusal.retry_after_s)
    return response


@require_POST
@never_cache
@sensitive_variables("fresh")
def create(request: PortalRequest) -> HttpResponse:
    """Issue a key and show its secret, once."""
    allowance = policy_of(request.user)
    form = KeyForm(request.POST, owner=request.user, allowance=allowance)
    if not form.is_valid():
        return render_panel(request, form, status=422)
    try:
        services.count_action(request.user, "keys:create")
        fresh = services.issue_key(
            owner=request.user, actor=actor_of(request), key_request=form.key_request(), allowance=allowance
        )
    except services.TooManyActions as refusal:
        form.add_error(None, str(refusal))
        return wait(render_panel(request, form, status=429), refusal)
    except services.KeyRefused as refusal:
        form.add_error(FIELDS_AT_FAULT.get(refusal.code), str(refusal))
        if refusal.code == "repeated":
            form.make_new()
        return render_panel(request, form, status=422)
    except GatewayError as error:
        words, status = in_words(error, nothing=_("Nothing was created"), unknown=MADE_OR_NOT)
        form.add_error(None, words)
        return render_panel(request, form, status=status)
    return show_secret(request, fresh, rotated=False)


@sensitive_variables("fresh", "snippets", "tools")
def show_secret(
    request: PortalRequest,
    fresh: services.FreshKey,
    *,
    rotated: bool,
    replaced: services.ReplacedKey | None = None,
) -> HttpResponse:
    """Render the only page with the secret; `replaced`, if the one before had leaked."""
    key = Key.objects.prefetch_related("tokens").get(pk=fresh.key.pk)
    model = default_chat_model(key.model_names)
    name = model.name if model else None
    context = {
        "key": key,
        "row": row_of(key),
        "secret": fresh.secret,
        "rotated": rotated,
        "old": key.retiring,
        "replaced": replaced,
        "secrets": use_counter().of_secrets(key, ended_only=True) if replaced else [],
        "base_url": base_url(),
        "snippets": filled("chat", url=base_url(), model=name, secret=fresh.secret),
        "tools": filled_tools(
            url=base_url(),
            model=name,
            context_tokens=model.max_input_tokens if model else None,
            secret=fresh.secret,
        ),
    }
    response = render_region(request, "keys/issued.html", "panel", context, status=201)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@limited
def renew(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Renew a key for another lifetime."""
    key = own_key(request, key_id)
    try:
        renewed = services.renew_key(key=key, actor=actor_of(request))
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    except GatewayError as error:
        return refuse(request, *in_words(error, nothing=_("The key’s expiry has not changed"), unknown=RENEWED_OR_NOT))
    return done(request, _("Renewed: “%(label)s” works %(until)s.") % label_and_end(renewed))


@require_POST
@limited
def pause(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Have the gateway refuse a key until its owner resumes it."""
    key = own_key(request, key_id)
    return _switch(request, key, services.pause_key, str(PAUSED))


@require_POST
@limited
def resume(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Let a paused key work again."""
    return _switch(request, own_key(request, key_id), services.resume_key, _("Resumed: “%(label)s” works again."))


def _switch(request: PortalRequest, key: Key, service: Callable[..., None], words: str) -> HttpResponse:
    """Pause or resume, and say what came of it."""
    try:
        service(key=key, actor=actor_of(request))
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    except GatewayError as error:
        return refuse(request, *in_words(error, nothing=_("Nothing has changed"), unknown=SWITCHED_OR_NOT))
    return done(request, words % {"label": key.label})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@limited
@sensitive_variables("fresh")
def rotate(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Explain the rotation; on POST, do it and show the new secret, once."""
    key = own_key(request, key_id)
    if request.method != "POST":
        grace_hours = 0 if key.team_id else policy_of(request.user).grace_hours
        return confirm(request, "keys/rotate.html", key, grace_hours=grace_hours)
    try:
        fresh = services.rotate_key(key=key, actor=actor_of(request))
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    except GatewayError as error:
        return refuse(request, *in_words(error, nothing=_("Your current secret still works"), unknown=ROTATED_OR_NOT))
    return show_secret(request, fresh, rotated=True)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@limited
@sensitive_variables("fresh")
def leaked(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Explain what happens to a leaked key; on POST, end its secrets at once and show the new one, once."""
    key = own_key(request, key_id)
    if request.method != "POST":
        return confirm(request, "keys/leaked.html", key, secrets=use_counter().of_secrets(key))
    try:
        fresh = services.replace_leaked_secret(key=key, actor=actor_of(request))
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    except GatewayError as error:
        nothing = _("The leaked secret works until you delete the key")
        return refuse(request, *in_words(error, nothing=nothing, unknown=REPLACED_OR_NOT))
    return show_secret(request, fresh, rotated=True, replaced=fresh)


@require_POST
@limited
def end_old(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """End the grace of a rotation now."""
    key = own_key(request, key_id)
    try:
        services.end_old_secret(key=key, actor=actor_of(request))
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    except GatewayError:
        return refuse(request, _("The gateway has not confirmed it yet. %(again)s") % promises(), status=503)
    return done(request, _("The old secret of “%(label)s” has ended.") % {"label": key.label})


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def delete(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Ask for a confirmation that names the key; on POST, delete it."""
    key = own_key(request, key_id)
    if key.is_kept_while_blocked:
        return refuse(request, str(services.KeyRefused("blocked.course")), status=409)
    if request.method != "POST":
        return confirm(request, "keys/delete.html", key)
    try:
        services.delete_key(key=key, actor=actor_of(request), by_owner=True)
    except services.KeyRefused as refusal:
        return refuse(request, str(refusal), status=409)
    except GatewayError:
        words = _("The gateway has not confirmed that “%(label)s” is deleted. %(again)s")
        return refuse(request, words % {"label": key.label, **promises()}, status=503)
    return done(request, _("Deleted: the gateway refuses “%(label)s” from now on.") % {"label": key.label})


@require_http_methods(["GET", "HEAD", "POST"])
@limited
def label(request: PortalRequest, key_id: uuid.UUID) -> HttpResponse:
    """Show the form for another label; on POST, change it."""
    key = own_key(request, key_id)
    form = LabelForm(request.POST if request.method == "POST" else None, initial={"label": key.label})
    if form.is_valid():
        try:
            services.relabel_key(key=key, label=form.cleaned_data["label"], actor=actor_of(request))
        except services.KeyRefused as refusal:
            form.add_error("label", str(refusal))
        else:
            return done(request, _("The label is “%(label)s” now.") % {"label": key.label})
    status = 422 if form.is_bound else 200
    return render_region(
        request, "keys/label.html", "panel", {"key": key, "row": row_of(key), "form": form}, status=status
    )


def confirm(request: PortalRequest, template: str, key: Key, **context: object) -> HttpResponse:
    """Ask for a confirmation before an action."""
    return render_region(request, template, "panel", {"key": key, "row": row_of(key), **context})


def done(request: PortalRequest, sentence: str) -> HttpResponse:
    """Return to My keys with the result: the panel for htmx, else a redirect."""
    if request.htmx:
        return render_panel(request, alert=sentence)
    messages.success(request, sentence)
    return redirect("keys:index")


def refuse(request: PortalRequest, sentence: str, status: int) -> HttpResponse:
    """Show My keys as it is now, and say why nothing was done."""
    return render_panel(request, alert=sentence, alert_is_error=True, status=status)


def label_and_end(key: Key) -> dict[str, str]:
    """Return the words for a renewed key."""
    return {"label": key.label, "until": until(key.expires_at) if key.expires_at else ""}


def in_words(error: GatewayError, *, nothing: str, unknown: "StrPromise") -> tuple[str, int]:
    """Explain a failure of the gateway, and return the status of the response.

    `nothing` says what is unchanged if the gateway certainly did nothing, `unknown` what we do otherwise.
    """
    if isinstance(error, GatewayAdminKeyRefused):
        words = _("The gateway does not accept the portal’s own key. %(nothing)s. Contact the administrators.")
        return words % {"nothing": nothing}, 502
    if not isinstance(error, GatewayUnavailable):
        words = _("The gateway refused. %(nothing)s. Contact the administrators: %(message)s")
        return words % {"nothing": nothing, "message": error}, 502
    if error.may_have_happened:
        return str(unknown) % promises(), 503
    return _("The gateway does not answer. %(nothing)s; try again in a minute.") % {"nothing": nothing}, 503
