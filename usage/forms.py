"""The form of a saved view."""

from django import forms

from usage.models import SavedView


class SavedViewForm(forms.ModelForm):  # type: ignore[type-arg]  # takes no parameter when it runs
    """Name, sharing, start page and mail of a view."""

    class Meta:
        model = SavedView
        fields = ("name", "is_shared", "is_start", "mail")
