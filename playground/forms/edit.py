"""The form to edit a message."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from playground.forms.fields import TextField


class EditForm(forms.Form):
    """The new text; model and parameters are those of the page."""

    text = TextField(label=_("Message"), error_messages={"required": _("Write a message first.")})

    def __init__(self, data: object = None, **kwargs: object) -> None:
        super().__init__(data, **kwargs)  # type: ignore[arg-type]  # as Django's own form takes them
        field = self.fields["text"]
        if isinstance(field, TextField):
            field.allow_at_most(settings.PLAYGROUND_PROMPT_CHARS)
