"""Forms of second factors."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.security_keys import MAX_CHARS


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false", "autofocus": True}
        ),
    )


class SetUpForm(CodeForm):
    """The first code of a new authenticator app, with its sealed secret."""

    sealed = forms.CharField(max_length=1000, widget=forms.HiddenInput)


class CredentialField(forms.CharField):
    """What a browser answers about a security key, as JSON."""

    def __init__(self) -> None:
        super().__init__(max_length=MAX_CHARS, required=True, widget=forms.HiddenInput)

    def clean(self, value: Any) -> Any:
        """Return it decoded."""
        text = super().clean(value)
        try:
            decoded = json.loads(text)
            if "\\u" in json.dumps(decoded, allow_nan=False):
                raise ValueError("base64 needs ASCII alone; databases refuse NUL and surrogates")
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("The security key was not accepted.")) from error
        return decoded


class KeyForm(forms.Form):
    """The answer of a security key at sign-in."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["credential"] = CredentialField()


class NewKeyForm(KeyForm):
    """A new security key, with a name."""

    name = forms.CharField(
        label=_("Name of the key"),
        max_length=40,
        help_text=_("To tell it from others, such as “blue key”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
