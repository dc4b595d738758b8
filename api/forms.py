"""The form for a new access token."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from api.scopes import SCOPES
from keys.forms import LineField

USUAL_DAYS: Final = 90


class TokenForm(forms.Form):
    """Name, scopes and lifetime of a new token."""

    name = LineField(
        label=_("Name"),
        max_length=60,
        help_text=_("What will use it, such as “backup script”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("Scopes"),
        choices=list(SCOPES.items()),
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        error_messages={"required": _("Choose at least one.")},
    )

    def __init__(self, data: Any = None) -> None:
        most = settings.ACCESS_TOKEN_MAX_DAYS
        super().__init__(data, initial={"days": min(USUAL_DAYS, most)})
        self.fields["days"] = forms.IntegerField(
            label=_("Days until it expires"),
            min_value=1,
            max_value=most,
            help_text=_("At most %(days)d.") % {"days": most},
            widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
        )
