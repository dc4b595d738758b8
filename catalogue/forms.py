"""Forms about models."""

from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from catalogue.models import NOTE_TEXTS, ModelNote
from keys.forms import clean_line

if TYPE_CHECKING:
    NoteModelForm = forms.ModelForm[ModelNote]
else:
    NoteModelForm = forms.ModelForm


class LineField(forms.CharField):
    """A line of text without hidden characters."""

    def to_python(self, value: object) -> str:
        """Return the cleaned line."""
        return clean_line(super().to_python(value) or "")


class LinesField(forms.CharField):
    """Several lines of text without hidden characters."""

    def to_python(self, value: object) -> str:
        """Return the cleaned lines."""
        return "\n".join(clean_line(line) for line in (super().to_python(value) or "").splitlines()).strip()


class ModelNoteForm(NoteModelForm):
    """What is said about a model."""

    class Meta:
        model = ModelNote
        fields = NOTE_TEXTS
        field_classes: ClassVar = {
            "good_for_en": LineField,
            "good_for_fr": LineField,
            "text_en": LinesField,
            "text_fr": LinesField,
        }
        widgets: ClassVar = {
            "good_for_fr": forms.TextInput(attrs={"lang": "fr"}),
            "text_en": forms.Textarea(attrs={"rows": 5}),
            "text_fr": forms.Textarea(attrs={"rows": 5, "lang": "fr"}),
        }
        help_texts: ClassVar = {
            "good_for_en": _("A few words for the list of models: “short summaries, cheap”."),
            "text_en": _("Plain text. Web addresses become links. Where one language is empty, the other is shown."),
        }
