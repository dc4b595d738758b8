"""Actions on keys that are common to a person's own and to those of their interns, by the services of the pages."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables
from ninja import Schema, Status

from accounts.policies import policy_of
from api.v1.auth import ApiRequest, actor_of
from api.v1.errors import check_form, gateway_call, gateway_deletion
from api.v1.key_rows import KeyOut, shown, with_all
from api.v1.once import WithSecret
from keys import services
from keys.forms import KeyForm
from keys.models import Key
from keys.views.actions import MADE_OR_NOT, RENEWED_OR_NOT, REPLACED_OR_NOT, ROTATED_OR_NOT


class ReplaceIn(Schema):
    """How to replace a secret: with `leaked` the old one ends at once."""

    leaked: bool = False


class CreatedKey(WithSecret):
    """A key with a new secret."""

    key: KeyOut


def own_key(request: ApiRequest, key_id: uuid.UUID, **only: Any) -> Key:
    """Return a key that the person, or an intern of theirs, uses; another one is not found."""
    return get_object_or_404(with_all(Key.objects.used_by_owner(request.user)), pk=key_id, **only)


def key_out(request: ApiRequest, key_id: uuid.UUID) -> KeyOut:
    """Return a key as it is now."""
    return shown([own_key(request, key_id)], request.user)[0]


@sensitive_variables()
def create_key_of(request: ApiRequest, values: Mapping[str, Any], request_id: uuid.UUID | None) -> CreatedKey:
    """Create a key with the values of the form on the pages; empty ones are left out."""
    allowance = policy_of(request.user)
    typed = {name: value for name, value in values.items() if value not in (None, "", [])}
    typed["request_id"] = request_id
    if "model_names" in typed:
        typed.setdefault("budget_usd", None)  # with it the form takes both
    form = KeyForm(typed, owner=request.user, allowance=allowance)
    check_form(form)
    services.count_action(request.user, "keys:create")
    with gateway_call(nothing=_("Nothing was created"), unknown=MADE_OR_NOT):
        fresh = services.issue_key(
            owner=request.user, actor=actor_of(request), key_request=form.key_request(), allowance=allowance
        )
    return created(request, fresh)


def renew(request: ApiRequest, key: Key) -> KeyOut:
    """Renew a key for another lifetime."""
    services.count_action(request.user, "keys:renew")
    with gateway_call(nothing=_("The key’s expiry has not changed"), unknown=RENEWED_OR_NOT):
        services.renew_key(key=key, actor=actor_of(request))
    return key_out(request, key.pk)


@sensitive_variables()
def replace(request: ApiRequest, key: Key, data: ReplaceIn, _request_id: uuid.UUID | None) -> CreatedKey:
    """Give a key a new secret."""
    services.count_action(request.user, "keys:leaked" if data.leaked else "keys:rotate")
    service, unknown = services.rotate_key, ROTATED_OR_NOT
    nothing = _("Your current secret still works")
    if data.leaked:
        service, unknown = services.replace_leaked_secret, REPLACED_OR_NOT
        nothing = _("The leaked secret works until you delete the key")
    with gateway_call(nothing=nothing, unknown=unknown):
        fresh = service(key=key, actor=actor_of(request))
    return created(request, fresh)


def delete(request: ApiRequest, key: Key) -> Status[None]:
    """Delete a key, as its owner."""
    services.count_action(request.user, "keys:delete")
    with gateway_deletion(key):
        services.delete_key(key=key, actor=actor_of(request), by_owner=True)
    return Status(204, None)


def created(request: ApiRequest, fresh: services.FreshKey) -> CreatedKey:
    """Return a key with its new secret."""
    return CreatedKey(key=key_out(request, fresh.key.pk), secret=str(fresh.secret))
