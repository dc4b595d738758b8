"""Forms of admins for texts to everybody."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Announcement, Terms
from keys.forms import clean_line

if TYPE_CHECKING:
    AnnouncementModelForm = forms.ModelForm[Announcement]
    TermsModelForm = forms.ModelForm[Terms]
else:
    AnnouncementModelForm = TermsModelForm = forms.ModelForm


class ParagraphsField(forms.CharField):
    """Several lines of text without hidden characters; at most one empty line between two others."""

    def to_python(self, value: Any) -> str:
        """Return the cleaned lines."""
        lines = [clean_line(line) for line in (super().to_python(value) or "").splitlines()]
        return "\n".join(line for number, line in enumerate(lines) if line or (number and lines[number - 1]))


class MomentInput(forms.DateTimeInput):
    """A day and a time as browsers expect them, in the reader's time zone."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class AnnouncementForm(AnnouncementModelForm):
    """An announcement."""

    class Meta:
        model = Announcement
        fields = ("text_en", "text_fr", "level", "starts_at", "ends_at", "for_everybody", "groups")
        field_classes: ClassVar = {"text_en": ParagraphsField, "text_fr": ParagraphsField}
        widgets: ClassVar = {
            "text_en": forms.Textarea(attrs={"rows": 3}),
            "text_fr": forms.Textarea(attrs={"rows": 3, "lang": "fr"}),
            "level": forms.RadioSelect(attrs={"class": "form-check-input"}),
            "starts_at": MomentInput(),
            "ends_at": MomentInput(),
            "for_everybody": forms.RadioSelect(attrs={"class": "form-check-input"}),
            "groups": forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
        }
        help_texts: ClassVar = {
            "text_en": _("Plain text. Web addresses become links."),
            "ends_at": _("Nobody sees it from then on."),
        }

    def clean(self) -> dict[str, Any]:
        """Refuse an end in the past, or before the start, and groups that contradict `for_everybody`."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if ends_at and ends_at <= timezone.now():
            self.add_error("ends_at", _("This time is over. Choose a later one."))
        elif starts_at and ends_at and ends_at <= starts_at:
            self.add_error("ends_at", _("The end must be after the beginning."))
        has_groups = bool(cleaned.get("groups"))
        if cleaned.get("for_everybody") is True and has_groups:
            self.add_error("groups", _("Groups are chosen, but also “everybody”. Choose one of the two."))
        elif cleaned.get("for_everybody") is False and not has_groups and "groups" not in self.errors:
            self.add_error("groups", _("Choose a group, or “everybody”."))
        return cleaned


class TermsForm(TermsModelForm):
    """The draft of the next version of the terms of use."""

    class Meta:
        model = Terms
        fields = ("text_en", "text_fr")
        field_classes: ClassVar = {"text_en": ParagraphsField, "text_fr": ParagraphsField}
        widgets: ClassVar = {
            "text_en": forms.Textarea(attrs={"rows": 12}),
            "text_fr": forms.Textarea(attrs={"rows": 12, "lang": "fr"}),
        }
        help_texts: ClassVar = {"text_en": _("Plain text. Web addresses become links.")}
