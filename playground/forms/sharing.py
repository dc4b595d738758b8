"""The form to share a conversation."""

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

LASTS: Final = (("7", _("in 7 days")), ("30", _("in 30 days")), ("90", _("in 90 days")), ("", _("when I end it")))


class ShareForm(forms.Form):
    """What a link shows, and how long."""

    follows = forms.BooleanField(
        label=_("Also show what is written later"),
        required=False,
        help_text=_("Readers then see the conversation as you see it. Otherwise they see it as it is now."),
    )
    lasts_days = forms.TypedChoiceField(
        label=_("The link ends"), choices=LASTS, initial="30", required=False, coerce=int, empty_value=None
    )
