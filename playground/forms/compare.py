"""The form of a comparison: one message, and the models to answer it."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from playground.forms.ask import AskForm
from playground.parameters import USUAL_ANSWER, Parameter

FEWEST: Final = 2
MOST: Final = 4


class CompareForm(AskForm):
    """A question to two to four models at once. Files are not included."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._drop(model=True, attachments=True)
        self.fields["models"] = forms.MultipleChoiceField(
            label=gettext_lazy("Models"),
            choices=[(name, name) for name in self.models],
            error_messages={
                "required": gettext_lazy("Choose two to four models."),
                "invalid_choice": gettext_lazy("You cannot call “%(value)s” here. Choose one of the list."),
            },
        )

    def clean_models(self) -> list[str]:
        """Return the models, each once, in the order of the list."""
        chosen = set(self.cleaned_data["models"])
        if not FEWEST <= len(chosen) <= MOST:
            raise ValidationError(_("Choose two to four models; these are %(number)d."), params={"number": len(chosen)})
        return [name for name in self.models if name in chosen]

    def clean(self) -> dict[str, Any]:
        """Check the parameters against each of the models."""
        cleaned = super().clean()
        for name in cleaned.get("models", ()):
            self._check_length(cleaned, self.models[name])
        return cleaned

    def _highest(self, parameter: Parameter) -> float | None:
        return USUAL_ANSWER if parameter.name == "max_tokens" else parameter.high
