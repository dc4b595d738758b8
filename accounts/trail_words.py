"""The texts of the audit trail about policies and people, and about entries from before there were codes."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit_words import Words
from accounts.models import KeyKind, Thing
from web.amounts import usd_limit
from web.templatetags.portal import day, moment

NAMES: Final = {  # changes that are no model fields
    "name": _("name"),
    "groups": _("groups"),
    "user_permissions": _("permissions"),
    "permissions": _("permissions"),
}


def _changes(model: str, values: Mapping[str, Any]) -> str:
    """Describe the changes field by field, with the value before and after."""
    changes = values["changes"]
    if not isinstance(changes, Mapping):
        return ""
    return "; ".join(change_words(model, name, *pair) for name, pair in changes.items()) + "."


def change_words(model: str, name: str, *pair: Any) -> str:
    """Say what a field was and what it is now: "personal.budget_usd", "5.00", "7.00"."""
    kind, _dot, of_kind = name.rpartition(".")  # "personal.budget_usd" of a policy's rule for personal keys
    field = _field("keyrule", of_kind) if kind else _field(model, name)
    title = str(NAMES.get(name) or (field.verbose_name if field else name))
    if kind in KeyKind.values:
        title = f"{KeyKind(kind).label}, {title}"
    if not pair:
        return title
    before, after = (_value(field, value) for value in pair)
    return gettext("%(field)s: %(before)s → %(after)s") % {"field": title, "before": before, "after": after}


def _field(model: str, name: str) -> Any:
    try:
        return apps.get_model(model if "." in model else f"accounts.{model}")._meta.get_field(name)
    except FieldDoesNotExist:
        return None


def _value(field: Any, value: Any) -> str:
    """Return a value as people write it; a choice by its label."""
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(field, DateTimeField):
        return moment(datetime.fromisoformat(value))
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    choices: dict[Any, Any] = dict(getattr(field, "flatchoices", None) or ())
    return str(choices.get(value, value))


def thing_words(thing: str, name: str, amount_usd: Decimal | None) -> str:
    """Return what is asked for or granted, in the language that is on: "5.00 USD more", "the model small"."""
    if thing == Thing.BUDGET:
        return gettext("%(amount)s more") % {"amount": usd_limit(amount_usd)}
    if thing == Thing.MODEL:
        return gettext("the model %(name)s") % {"name": name}
    if thing == Thing.COURSE:
        return gettext("the course “%(name)s” with %(amount)s") % {
            "name": name.partition(" ")[2],
            "amount": usd_limit(amount_usd),
        }
    return gettext("the Playground") if name == KeyKind.PLAYGROUND else gettext("personal keys")


def _granted(values: Mapping[str, Any]) -> str:
    """Say what is asked for, or was granted, and until when."""
    amount = None if values["amount_usd"] is None else Decimal(values["amount_usd"])
    words = {
        "what": thing_words(values["thing"], values["name"], amount),
        "day": day(date.fromisoformat(values["ends_on"])),
    }
    return gettext("%(what)s, until %(day)s") % words


def _granted_at_once(values: Mapping[str, Any]) -> str:
    return gettext("%(granted)s, at once, as the policy allows") % {"granted": _granted(values)}


FACTORS: Final = {  # of allauth.mfa.models.Authenticator.Type
    "totp": _("authenticator app"),
    "webauthn": _("security key"),
    "recovery_codes": _("recovery codes"),
}


WORDS: Final[dict[str, Words]] = {
    "request.about": _granted,
    "request.at_once": _granted_at_once,
    "grant.about": _granted,
    "policy.changes": lambda values: _changes("policy", values),
    "person.changes": lambda values: _changes("user", values),
    "person.factor": lambda values: str(FACTORS.get(values["factor"], values["factor"])),
    "group.changes": lambda values: _changes("user", values),
    "terms.texts": _("SHA-256 of the texts: %(digest)s."),
    "announcement.changes": lambda values: _changes("announcement", values),
    "access_token.scopes": _("scopes: %(scopes)s"),
    "leaving.unlisted": _("%(source)s no longer lists the person"),
    "leaving.inactive": _("%(source)s deactivated or deleted the person"),
    "leaving.unused": _("not used for %(days)s days"),
    "leaving.back": _("the person is back"),
    "leaving.allowed": _("%(count)s accounts at once were accepted"),
    "scim_client.scopes": _("scopes: %(scopes)s"),
    "via.scim": _("by SCIM, with the token …%(token)s"),
    "via.access_token": _("with the access token …%(token)s"),
    "model.changes": lambda values: _changes("catalogue.modelnote", values),
}
