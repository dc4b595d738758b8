"""The form for a client's token."""

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import ScimScope


class SecretForm(forms.Form):
    """What the client may write."""

    scopes = forms.MultipleChoiceField(
        label=_("The client can"),
        choices=ScimScope,
        initial=list(ScimScope.values),
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
