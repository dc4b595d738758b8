"""Forms for embedding and moderation models."""

from collections.abc import Sequence
from typing import Any, Final, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keys.models import GatewayModel
from playground.forms.ask import FORM_ID
from playground.forms.fields import TextField

MOST_TEXTS: Final = 8
LONGEST_TEXT: Final = 2000
LONGEST_JUDGED: Final = 20_000


class ModelForm(forms.Form):
    """A model of one kind, and its input."""

    model = forms.ChoiceField(
        label=gettext_lazy("Model"),
        error_messages={
            "required": gettext_lazy("Choose a model."),
            "invalid_choice": gettext_lazy("You cannot call “%(value)s” here. Choose one of the list."),
        },
    )

    def __init__(self, data: Any = None, *, models: Sequence[GatewayModel]) -> None:
        super().__init__(data, initial={"model": models[0].name if models else ""})
        self.models = {model.name: model for model in models}
        field = cast("forms.ChoiceField", self.fields["model"])
        field.choices = [(name, name) for name in self.models]
        field.widget.attrs["form"] = FORM_ID

    def chosen(self) -> GatewayModel:
        """Return the chosen model."""
        return self.models[self.cleaned_data["model"]]


class LinesField(TextField):
    """Up to eight texts, one on each line; empty lines are skipped."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MOST_TEXTS * (LONGEST_TEXT + 2), **kwargs)
        self.widget.attrs["rows"] = 5

    def clean(self, value: Any) -> list[str]:
        """Return the texts; an error names its line."""
        texts = [line.strip() for line in super().clean(value).split("\n") if line.strip()]
        if len(texts) > MOST_TEXTS:
            raise ValidationError(
                _("These are %(number)d texts. %(most)d are allowed."),
                params={"number": len(texts), "most": MOST_TEXTS},
            )
        for number, text in enumerate(texts, start=1):
            if len(text) > LONGEST_TEXT:
                raise ValidationError(
                    _("Text %(number)d has %(length)d characters. %(most)d are allowed: shorten it."),
                    params={"number": number, "length": len(text), "most": LONGEST_TEXT},
                )
        return texts


class EmbedForm(ModelForm):
    """Texts to embed."""

    texts = LinesField(
        label=gettext_lazy("Texts"),
        help_text=gettext_lazy("One a line, up to eight. Each becomes a vector; two or more are compared."),
        error_messages={"required": gettext_lazy("Write a text first.")},
    )


class ModerateForm(ModelForm):
    """A text to moderate."""

    text = TextField(
        label=gettext_lazy("Text"),
        help_text=gettext_lazy("The whole text is checked as one."),
        max_length=LONGEST_JUDGED,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": gettext_lazy("Write a text first.")},
    )
