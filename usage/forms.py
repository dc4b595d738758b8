"""The form of a saved view."""

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from keys.forms import LineField
from usage.models import SavedView

if TYPE_CHECKING:  # Django's own class takes no parameter when it runs
    ViewForm = forms.ModelForm[SavedView]
else:
    ViewForm = forms.ModelForm


class SavedViewForm(ViewForm):
    """Name, sharing, start page and mail of a view."""

    name = LineField(label=_("Name"), max_length=60)

    class Meta:
        model = SavedView
        fields = ("name", "is_shared", "is_start", "mail")
