"""Forms of teachers."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from keys.forms import LineField, amount_field
from teaching.models import LONGEST_SUBJECT, CourseMessage

if TYPE_CHECKING:
    MessageModelForm = forms.ModelForm[CourseMessage]
else:
    MessageModelForm = forms.ModelForm


class TopUpForm(forms.Form):
    """How much more each student may spend."""

    amount_usd = amount_field()
    request_id = forms.UUIDField(required=False, widget=forms.HiddenInput)


class MessageForm(MessageModelForm):
    """A message to all students."""

    subject = LineField(label=_("Subject"), max_length=LONGEST_SUBJECT)
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    class Meta:
        model = CourseMessage
        fields: ClassVar[list[str]] = ["subject", "body"]
        widgets: ClassVar[dict[str, Any]] = {"body": forms.Textarea(attrs={"rows": 8})}
