"""The form of a batch: prompts, models, settings, who pays, and how much at most."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from playground.forms.ask import FORM_ID
from playground.forms.chat import PaidForm
from playground.forms.compare import SeveralModelsForm
from playground.forms.fields import TextField
from playground.forms.files import clean_name
from playground.forms.prompt_list import prompts_in_file, prompts_in_lines
from playground.services.titles import title_of

MOST_USD = 100_000


class BatchForm(SeveralModelsForm, PaidForm):
    """A list of prompts for one model or more. Nobody is there to call a tool, or to choose among several answers."""

    fewest = 1
    left_out = frozenset(("n", "tools", "tool_choice", "parallel_tool_calls"))

    prompts = TextField(
        label=gettext_lazy("Prompts"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a CSV file"),
        required=False,
        allow_empty_file=True,
        help_text=gettext_lazy("Of several columns that of the prompts is called “prompt”, in the first line."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
    )
    limit_usd = forms.DecimalField(
        label=gettext_lazy("Spend at most (USD)"),
        required=False,
        min_value=0,
        max_value=MOST_USD,
        max_digits=16,
        decimal_places=4,
        localize=True,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text=gettext_lazy("The batch stops before it. Empty: up to the budget."),
    )

    def __init__(self, data: Any = None, files: Any = None, **options: Any) -> None:
        super().__init__(data, files, **options)
        self._drop(message=True, attachments=True)
        words = _("One a line, at most %(most)d. Empty lines are skipped.")
        self.fields["prompts"].help_text = words % {"most": settings.PLAYGROUND_BATCH_PROMPTS}

    @property
    def most(self) -> int:
        """Return how many models may be chosen."""
        return cast("int", settings.PLAYGROUND_BATCH_MODELS)

    def clean(self) -> dict[str, Any]:
        """Read the prompts: the file counts, if there is one, in place of the pasted lines."""
        cleaned = super().clean()
        file, place = cleaned.get("file"), "file" if cleaned.get("file") else "prompts"
        if {"file", "prompts"} & set(self.errors):
            return cleaned
        try:
            cleaned["listed"] = prompts_in_file(file) if file else prompts_in_lines(cleaned["prompts"])
        except ValidationError as problem:
            self.add_error(place, problem)
        return cleaned

    def title(self) -> str:
        """Return the name of the file, or the beginning of the first prompt."""
        file = self.cleaned_data.get("file")
        return title_of(clean_name(file.name) if file else self.cleaned_data["listed"][0])

    def _attributes(self) -> dict[str, str]:
        return {"form": FORM_ID}
