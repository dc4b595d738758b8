"""The form of the chat: in addition to a question and its settings, who pays for the answer."""

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from courses.models import Course
from playground.forms.ask import FORM_ID, AskForm
from playground.forms.fields import NameField
from playground.models import Conversation
from playground.services.payers import OWN, Payers


class PayerField(forms.ChoiceField):
    """The choice between the person's own budget and the courses that pay for them now."""

    def __init__(self, payers: Payers, *, usual: str, shown: str) -> None:
        choices = [(OWN, _("My budget"))] if payers.own_models else []
        choices += [(str(course.pk), course.name) for course in payers.courses]
        if shown not in dict(choices):
            choices.insert(0, ("", _("Choose who pays")))
        self.shown_name = dict(choices).get(shown) or choices[0][1]
        super().__init__(label=gettext_lazy("Paid by"), choices=choices, required=False)
        self.payers, self.usual = payers, usual

    def to_python(self, value: Any) -> str:
        """Return what was chosen, or what is usual where a page sent no field; "" chooses nobody."""
        return self.usual if value is None else super().to_python(value)

    def validate(self, value: Any) -> None:
        """Refuse what does not pay now, with the reason."""
        if not value:
            raise ValidationError(_("Choose who pays."), code="required")
        if not self.valid_value(value):
            raise ValidationError(self.payers.why_not(value), code="invalid_choice")


class PaidForm(AskForm):
    """A question, its settings and its payer; `payer` is the id of the course that pays at first in a new conversation.

    Where that course does not pay, the person has to choose. Models are those that anybody pays for, but only those of
    the chosen payer are accepted.
    """

    models_field = "model"

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        payers: Payers,
        payer: object = None,
        conversation: Conversation | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data, files, models=payers.models, conversation=conversation, **options)
        self.payers = payers
        wanted = conversation.paid_by_id if conversation else payer
        self.first_payer = payers.usual(wanted)
        is_closed = bool(wanted and not payers.course(wanted))
        usual = "" if is_closed else str(self.first_payer.pk) if self.first_payer else OWN
        sent = self.data.get("payer", usual)
        if payers.courses or sent != OWN:
            field = PayerField(payers, usual=usual, shown=sent)
            field.widget.attrs.update(self._attributes())
            self.fields["payer"], self.initial["payer"], self.payer_name = field, usual, field.shown_name
        if not self.preset and self.initial.get("model") not in self._names_of(self.first_payer):
            self.initial["model"] = next(iter(self._names_of(self.first_payer)), None)

    @property
    def paid_by(self) -> Course | None:
        """The chosen course; None: the person."""
        return self.payers.course(self.cleaned_data.get("payer"))

    def clean(self) -> dict[str, Any]:
        """Check that the payer pays for what is chosen."""
        cleaned = super().clean()
        payer = self.payers.course(cleaned.get("payer"))
        names = () if "payer" in self.errors else self.chosen_names(cleaned)
        if refused := next((name for name in names if name not in self._names_of(payer)), None):
            words = _("Your own budget does not include “%(model)s”. Choose another model, or who pays.")
            if payer:
                words = _("“%(course)s” does not pay for “%(model)s”. Choose another model, or who pays.")
            self.add_error(self.models_field, words % {"model": refused, "course": payer.name if payer else ""})
        return cleaned

    def chosen_names(self, cleaned: dict[str, Any]) -> Sequence[str]:
        """Return the names of the chosen models."""
        return [cleaned["model"]] if cleaned.get("model") else []

    def _names_of(self, payer: Course | None) -> list[str]:
        return [model.name for model in self.payers.models_of(payer)]

    def _attributes(self) -> dict[str, str]:
        """Return what the page needs to offer only the models of the chosen payer."""
        names = {str(course.pk): self._names_of(course) for course in self.payers.courses}
        models = {} if self.preset else {"data-payer": json.dumps({OWN: self._names_of(None), **names})}
        return {"form": FORM_ID, **models}


class ChatForm(PaidForm):
    """The form of the chat; not with a locked preset: the name of who says the message."""

    name = NameField(
        label="name",
        help_text=gettext_lazy("Who says the message, where several people or roles speak: Alice, teacher_2."),
        required=False,
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].widget.attrs.update(self._tied)
        self._drop(name=self.preset is not None)

    @property
    def message_name(self) -> str:
        """The name that is sent with the message; "" for none."""
        name: str = self.cleaned_data.get("name", "")
        return name
