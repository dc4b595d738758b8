"""The form of a comparison: one message, the models to answer it, and what each of them is sent."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keys.models import GatewayModel
from playground.forms.ask import FORM_ID, AskForm
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
        """Check the parameters and the files against each of the models."""
        cleaned = super().clean()
        uploads = cleaned.get("attachments", [])
        for name in self.chosen_names(cleaned):
            self._check_length(cleaned, self.models[name])
            self._check_kinds(uploads, self.models[name])
        return cleaned

    def chosen_names(self, cleaned: dict[str, Any]) -> Sequence[str]:
        """Return the names of the chosen models."""
        return list(cleaned.get("models", ()))

    def _forget_refusals(self, cleaned: dict[str, Any]) -> None:
        """Ignore refusals that a form names: what a model refused is known from its answers."""
        cleaned["without"] = []

    def _highest(self, parameter: Parameter) -> float | None:
        return USUAL_ANSWER if parameter.name == "max_tokens" else parameter.high


class OwnForm(AskForm):
    """The settings of one model, in place of those for all. What is empty is as for all."""

    def __init__(self, data: Any = None, *, model: GatewayModel, **options: Any) -> None:
        super().__init__(data, models=[model], with_message=False, prefix=own_prefix(model.name), **options)
        self.of_model = model
        self._drop(model=True)

    def clean(self) -> dict[str, Any]:
        """Check the length against the model."""
        cleaned = super().clean()
        self._check_length(cleaned, self.of_model)
        return cleaned

    def _forget_refusals(self, cleaned: dict[str, Any]) -> None:
        """Ignore refusals that a form names."""
        cleaned["without"] = []

    def _check_tools(self, cleaned: dict[str, Any]) -> None:
        """Accept a choice of tools without tools: they may be among the settings for all, and are not sent without."""

    def _highest(self, parameter: Parameter) -> float | None:
        return (self.of_model.max_output_tokens or USUAL_ANSWER) if parameter.name == "max_tokens" else parameter.high


def own_prefix(name: str) -> str:
    """Return what the names of a model's own fields begin with; as an id it may not contain everything."""
    return f"own-{sha256(name.encode()).hexdigest()[:12]}"


class CompareForm(SeveralModelsForm):
    """A question to several models at once, or a further one to those of `models` that are in `conversation`.

    A model has settings of its own if the form has them: the field `own` names these models. Others have those of
    `kept`, by model.
    """

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        kept: Mapping[str, Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(data, files, **options)
        self.kept = kept or {}
        if self.conversation:
            self._drop(models=True)
        named = data.getlist("own") if data else []
        self.own = {
            name: OwnForm(data, model=model, form_id=FORM_ID) for name, model in self.models.items() if name in named
        }

    @property
    def copies(self) -> int:
        """Return how often its files are stored: each model has its own message, from the second question on."""
        return len(self.chosen_names({})) if self.conversation else 1

    def chosen_names(self, cleaned: dict[str, Any]) -> Sequence[str]:
        """Return the names of the chosen models, or of those of the comparison that can still be called."""
        if self.conversation is None:
            return super().chosen_names(cleaned)
        return [name for name in self.conversation.model_names if name in self.models]

    def clean(self) -> dict[str, Any]:
        """Check the models' own settings too."""
        cleaned = super().clean()
        if self.conversation and not self.chosen_names(cleaned):
            self.add_error(None, _("None of these models can be called here any more. Begin a new comparison."))
        for name in self.chosen_names(cleaned):
            for field, errors in self.own[name].errors.items() if name in self.own else ():
                label = self.own[name].fields[field].label
                for error in errors:
                    self.add_error(None, f"{name}, {label}: {error}")
        return cleaned

    def _check_length(self, cleaned: dict[str, Any], model: GatewayModel | None) -> None:
        """Check the length for all, where the model has none of its own."""
        if model and "max_tokens" not in self._own_params(model.name):
            super()._check_length(cleaned, model)

    def _own_params(self, name: str) -> Mapping[str, Any]:
        """Return the valid settings of a model in place of those for all."""
        if name not in self.own:
            return self.kept.get(name, {})
        own = self.own[name]
        return own.params() if own.is_valid() else {}

    def params_by_model(self) -> dict[str, dict[str, Any]]:
        """Return what each model is sent."""
        of_all, names = self.params(), self.chosen_names(self.cleaned_data)
        return {name: {**of_all, **self._own_params(name), "model": name} for name in names}
