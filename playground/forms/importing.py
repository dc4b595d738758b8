"""The form to import a conversation."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from playground.services.quotas import MB


class ImportForm(forms.Form):
    """An exported file; its content is checked by playground.imports."""

    file = forms.FileField(
        label=gettext_lazy("Exported file"),
        allow_empty_file=True,
        help_text=gettext_lazy("A conversation that was exported here as Markdown or JSON. Only JSON has its files."),
        widget=forms.FileInput(attrs={"accept": ".json,.md,application/json,text/markdown"}),
        error_messages={"required": gettext_lazy("Choose a file.")},
    )

    def clean_file(self) -> Any:
        """Refuse a file that is larger than any conversation."""
        file = self.cleaned_data["file"]
        most = settings.MAX_BODY_BYTES // MB - 1
        if file.size > most * MB:
            raise ValidationError(_("This file is too large: %(most)d MB are allowed."), "large", {"most": most})
        return file
