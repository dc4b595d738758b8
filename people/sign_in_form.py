"""The form that tries the rules of an identity provider."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.identity_providers import Ldap, identity_provider, identity_providers

MAX_CHARS: Final = 20_000


def _choices() -> list[tuple[str, str]]:
    return [(each.id, each.title) for each in identity_providers()]


class TrySignInForm(forms.Form):
    """A provider, and what it sends: pasted, or the entry of a directory."""

    provider = forms.ChoiceField(label=_("Identity provider"), choices=_choices)
    username = forms.CharField(
        label=_("User name"),
        required=False,
        max_length=150,
        help_text=_("Of a directory (LDAP): its entry is read, without a password."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    attributes = forms.CharField(
        label=_("Or attributes, as JSON"),
        required=False,
        max_length=MAX_CHARS,
        help_text=_("An object with the names that the provider sends; nothing of it is kept."),
        widget=forms.Textarea(attrs={"rows": 8, "autocomplete": "off", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Require a name for a directory, or attributes."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors or cleaned["attributes"]:
            return cleaned
        if not cleaned["username"]:
            raise ValidationError(_("Enter a user name or attributes."), code="required")
        if not isinstance(identity_provider(cleaned["provider"]), Ldap):
            raise ValidationError(_("This provider is no directory: enter attributes."), code="no_directory")
        return cleaned
