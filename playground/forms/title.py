"""The form to rename a conversation."""

from django import forms
from django.utils.translation import gettext_lazy as _

from keys.forms import LineField


class TitleForm(forms.Form):
    """A person's own name for a conversation."""

    title = LineField(
        label=_("Name"),
        max_length=100,
        error_messages={"required": _("Give it a name; one word is enough.")},
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )
