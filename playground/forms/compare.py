"""The form of a comparison: one message, and the models to answer it."""

from collections.abc import Sequence
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from playground.forms.ask import AskForm
from playground.parameters import USUAL_ANSWER, Parameter

FEWEST: Final = 2


class SeveralModelsForm(AskForm):
    """A form for several models at once, from `fewest` to `most`."""

    models_field = "models"
    fewest = FEWEST

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._drop(model=True)
        self.fields["models"] = forms.MultipleChoiceField(
            label=gettext_lazy("Models"),
            choices=[(name, name) for name in self.models],
            error_messages={
                "required": self.models_hint,
                "invalid_choice": gettext_lazy("You cannot call “%(value)s” here. Choose one of the list."),
            },
        )

    @property
    def most(self) -> int:
        """Return how many models may be chosen."""
        return cast("int", settings.PLAYGROUND_COMPARE_MODELS)

    @property
    def models_hint(self) -> str:
        """Say how many are to be chosen."""
        return _("Choose %(fewest)d to %(most)d models.") % {"fewest": self.fewest, "most": self.most}

    def clean_models(self) -> list[str]:
        """Return the models, each once, in the order of the list."""
        chosen = set(self.cleaned_data["models"])
        if not self.fewest <= len(chosen) <= self.most:
            words = _("%(hint)s These are %(number)d.")
            raise ValidationError(words, params={"hint": self.models_hint, "number": len(chosen)})
        return [name for name in self.models if name in chosen]

    def clean(self) -> dict[str, Any]:
        """Check the parameters against each of the models."""
        cleaned = super().clean()
        for name in cleaned.get("models", ()):
            self._check_length(cleaned, self.models[name])
        return cleaned

    def chosen_names(self, cleaned: dict[str, Any]) -> Sequence[str]:
        """Return the names of the chosen models."""
        return list(cleaned.get("models", ()))

    def _highest(self, parameter: Parameter) -> float | None:
        return USUAL_ANSWER if parameter.name == "max_tokens" else parameter.high


class CompareForm(SeveralModelsForm):
    """A question to several models at once. Files are not included."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._drop(attachments=True)
