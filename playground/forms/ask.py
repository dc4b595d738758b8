"""The main form of the Playground: a message, its files, the model and the parameters."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from courses.models import Preset
from keys.models import GatewayModel
from playground import parameters
from playground.forms.fields import ModelsOwnField, NumberField, TextField, WithoutField
from playground.forms.files import FilesField, stored_bytes, with_texts
from playground.forms.json import BiasField, JsonField
from playground.forms.lines import MetadataField, StopField
from playground.forms.tools import ToolsField
from playground.models import Conversation
from playground.parameters import PARAMETERS, Parameter
from playground.services.extraction import PDF
from playground.services.requests import OF_TOOLS, Upload

FORM_ID: Final = "playground-form"
CHAT: Final = Conversation.Kind.CHAT.value
OWN_FIELDS: Final[Mapping[str, Callable[..., forms.Field]]] = {
    "stop": StopField,
    "metadata": MetadataField,
    "tools": ToolsField,
    "logit_bias": BiasField,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterField:
    """A parameter with its field, for the template. `low`, `high`, `step`, `default` are those of a slider."""

    field: BoundField
    parameter: Parameter
    low: float | None
    high: float | None
    step: float | None
    default: float | None
    left_out: bool  # the model refused it, so it is not sent

    @property
    def name(self) -> str:
        """Return the parameter's name in the gateway's API."""
        return self.parameter.name

    @property
    def label(self) -> str:
        """Return its name on the page."""
        return str(self.parameter.label)

    @property
    def help_text(self) -> str:
        """Return a word of explanation."""
        return str(self.parameter.help_text)

    @property
    def kind(self) -> str:
        """Return its kind of input: range, whole, choice, check, lines, json."""
        return self.parameter.kind

    @property
    def main(self) -> bool:
        """Tell whether it is shown unfolded."""
        return self.parameter.main


class BoxForm(forms.Form):
    """The message box: a message, its files, and refused parameters, which are not sent again."""

    message = TextField(label=gettext_lazy("Message"), required=False)
    attachments = FilesField(label=gettext_lazy("Images and files"), required=False)
    without = WithoutField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bound("message", rows=2)

    @property
    def most_file_mb(self) -> int:
        """Return the megabytes above which a file need not be sent to be refused."""
        most: int = max(settings.PLAYGROUND_IMAGE_MB, settings.PLAYGROUND_FILE_MB)
        return most

    def _bound(self, name: str, *, rows: int) -> None:
        """Limit a text to the length in the settings."""
        field = cast("TextField", self.fields[name])
        field.allow_at_most(settings.PLAYGROUND_PROMPT_CHARS)
        field.widget.attrs["rows"] = rows


class AskForm(BoxForm):
    """The question and its settings. Empty fields are not sent: the model then uses its defaults.

    `models` are those that the person can call here, the first choice first. `form_id` links the fields of the side
    panel to the form; "" for a page where they are inside of it. `carried` are files that are included without being
    sent again, as those of an edited message: the same limits apply to them. `reader` is the person for whom files are
    read. `preset` is a locked one of a course, that of the conversation if there is one: its values hold, whatever is
    sent for those fields.
    """

    left_out: frozenset[str] = frozenset()  # parameters that a page does not offer

    model = forms.ChoiceField(
        label=gettext_lazy("Model"),
        error_messages={
            "required": gettext_lazy("Choose a model."),
            "invalid_choice": gettext_lazy("You cannot call “%(value)s” here. Choose one of the list."),
        },
    )
    system = TextField(
        label=gettext_lazy("System prompt"),
        help_text=gettext_lazy("How it should behave, in all answers."),
        required=False,
    )

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        models: Sequence[GatewayModel],
        conversation: Conversation | None = None,
        with_message: bool = True,
        kind: str = CHAT,
        form_id: str = FORM_ID,
        carried: Sequence[Upload] = (),
        preset: Preset | None = None,
        reader: User | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, files, **kwargs)
        self.models = {model.name: model for model in models}
        self.reader = reader
        self.conversation = conversation
        self.carried = carried
        self.completes = kind == Conversation.Kind.COMPLETION
        self._offer_models()
        self._bound("system", rows=3)
        self._tied = {"form": form_id} if form_id else {}
        for name in ("model", "system"):
            self.fields[name].widget.attrs.update(self._tied)
        self._add_parameters(blank=not self.is_bound)
        self.preset = conversation.locked_preset if conversation else preset
        if self.preset:
            self._lock(self.preset)
        self._drop(message=not with_message, attachments=not with_message or self.completes, system=self.completes)

    @staticmethod
    def initial_from(params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the `initial` values that show a conversation's settings again."""
        return {name: params[name] for name in ("model", "system", "without", *PARAMETERS) if name in params}

    def _offer_models(self) -> None:
        field = cast("forms.ChoiceField", self.fields["model"])
        field.choices = [(name, name) for name in self.models]
        if self.initial.get("model") not in self.models:
            self.initial["model"] = next(iter(self.models), None)
        if not self.models:
            field.error_messages["required"] = _("There is no model that you may call here.")

    def _add_parameters(self, *, blank: bool) -> None:
        """Add missing parameters; empty ones, as nearly all are, only where they are shown."""
        for name, parameter in PARAMETERS.items():
            if name in self.fields or name in self.left_out or (self.completes and not parameter.completion):
                continue
            if blank or self.data.get(self.add_prefix(name)) not in (None, ""):
                self.fields[name] = field_of(parameter)
                self.fields[name].widget.attrs.update(self._tied)

    def _lock(self, preset: Preset) -> None:
        """Take all settings from the preset: a disabled field ignores what was sent for it."""
        values = preset.params
        for name, parameter in PARAMETERS.items():
            self.fields.pop(name, None)
            if name in values:
                self.fields[name] = field_of(parameter)
        for name in ("model", "system", "without", *PARAMETERS):
            if name in self.fields:
                self.fields[name].disabled = True
                self.initial[name] = typed_value(name, values[name]) if name in values else None

    def _drop(self, **names: bool) -> None:
        for name, dropped in names.items():
            if dropped:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Check the parameters against the model."""
        cleaned = super().clean() or self.cleaned_data
        model = self.models.get(cleaned.get("model", ""))
        self._check_message(cleaned)
        self._check_files(cleaned, model)
        self._check_tools(cleaned)
        self._check_length(cleaned, model)
        self._forget_refusals(cleaned)
        return cleaned

    def clean_attachments(self) -> list[Upload]:
        """Return the files with their texts."""
        uploads: list[Upload] = self.cleaned_data["attachments"]
        return with_texts(uploads, reader=self.reader) if self.reader else uploads

    def _check_message(self, cleaned: dict[str, Any]) -> None:
        if (
            "message" in cleaned
            and not cleaned["message"]
            and not cleaned.get("attachments")
            and "attachments" not in self.errors
        ):
            self.add_error("message", _("Write a message first."))

    def _check_files(self, cleaned: dict[str, Any], model: GatewayModel | None) -> None:
        uploads = [*self.carried, *cleaned.get("attachments", [])]
        if not uploads:
            return
        if model:
            self._check_kinds(uploads, model)
        size = sum(len(upload.data) for upload in uploads) * self.copies
        if self.conversation:
            size += stored_bytes(self.conversation)
        if size > settings.PLAYGROUND_CONVERSATION_IMAGE_MB * 1_000_000:
            most = settings.PLAYGROUND_CONVERSATION_IMAGE_MB
            words = _("The images and files of a conversation may have %(most)d MB. Begin a new one for more.")
            self.add_error(self._files_place, words % {"most": most})

    def _check_kinds(self, uploads: Sequence[Upload], model: GatewayModel) -> None:
        """Refuse images and scans that the model does not take."""
        if "vision" not in model.features and any(upload.is_image for upload in uploads):
            self.add_error(self._files_place, self._who_sees(model))
        if "pdf" not in model.features:
            for scan in (upload for upload in uploads if upload.media_type == PDF and not upload.text):
                self.add_error(self._files_place, self._who_reads(scan, model))

    @property
    def copies(self) -> int:
        """Return how often its files are stored."""
        return 1

    @property
    def _files_place(self) -> str:
        return "attachments" if "attachments" in self.fields else "model"

    def _who_sees(self, model: GatewayModel) -> str:
        seeing = self._names_with("vision")
        if not seeing:
            return _("“%(name)s” takes no images, nor does any other model here.") % {"name": model.name}
        return _("“%(name)s” takes no images. These do: %(others)s.") % {"name": model.name, "others": seeing}

    def _who_reads(self, scan: Upload, model: GatewayModel) -> str:
        """Say that there is no text that this model could be sent."""
        reading = self._names_with("pdf")
        values = {"file": scan.name, "name": model.name, "others": reading}
        if not reading:
            return _("“%(file)s” has no text, as a scan has none, and no model here reads PDF files.") % values
        words = _(
            "“%(file)s” has no text, as a scan has none. “%(name)s” reads texts only. These read PDF: %(others)s."
        )
        return words % values

    def _names_with(self, feature: str) -> str:
        return ", ".join(name for name, other in self.models.items() if feature in other.features)

    def _check_tools(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("tools") or "tools" in self.errors:
            return
        for name in OF_TOOLS:
            if cleaned.get(name) is not None:
                self.add_error(name, _("This needs tools. Fill in tools, or leave it to the model."))

    def _check_length(self, cleaned: dict[str, Any], model: GatewayModel | None) -> None:
        asked, most = cleaned.get("max_tokens"), model and model.max_output_tokens
        if model and asked and most and asked > most:
            self.add_error(
                "max_tokens",
                _("“%(name)s” answers with at most %(most)d tokens.") % {"name": model.name, "most": most},
            )

    def _forget_refusals(self, cleaned: dict[str, Any]) -> None:
        """Ignore refusals of another model than the chosen one."""
        if self.conversation and self.conversation.model_names != [cleaned.get("model")]:
            cleaned["without"] = []

    def params(self) -> dict[str, Any]:
        """Return model, system prompt and parameters, only valid ones."""
        names = ("model", "system", *PARAMETERS, "without")
        found = {name: self.cleaned_data.get(name) for name in names}
        return {name: value for name, value in found.items() if _is_set(value) and (name, value) != ("json", False)}

    def uploads(self) -> list[Upload]:
        """Return the message's files."""
        return list(self.cleaned_data.get("attachments", []))

    def parameter_fields(self) -> list[ParameterField]:
        """Return the parameters as the page shows them, unfolded ones first."""
        self._add_parameters(blank=True)
        left_out = WithoutField().to_python(self["without"].value())
        shown = (parameter for parameter in PARAMETERS.values() if parameter.name in self.fields)
        return [
            ParameterField(
                field=self[parameter.name],
                parameter=parameter,
                low=parameter.low,
                high=self._highest(parameter),
                step=parameter.step,
                default=parameter.default,
                left_out=parameter.sent_as in left_out,
            )
            for parameter in shown
        ]

    def locked_parameters(self) -> list[tuple[str, str]]:
        """Return the name of each parameter of the preset, and its value as people type it."""
        values = self.preset.parameters if self.preset else {}
        return [(name, typed_value(name, values[name])) for name in PARAMETERS if name in values]

    def _highest(self, parameter: Parameter) -> float | None:
        """Return the maximum of a slider; for the longest answer it depends on the model."""
        if parameter.name != "max_tokens":
            return parameter.high
        model = self.models.get(str(self["model"].value()))
        return (model and model.max_output_tokens) or parameters.USUAL_ANSWER


def _is_set(value: object) -> bool:
    return value is not None and value not in ("", [], {})


def field_of(parameter: Parameter) -> forms.Field:
    """Return the field that parses a parameter, and formats it for editing."""
    words: dict[str, Any] = {"label": parameter.label, "help_text": parameter.help_text, "required": False}
    if parameter.name in OWN_FIELDS:
        return OWN_FIELDS[parameter.name](**words)
    if parameter.kind in ("range", "whole"):
        return NumberField(parameter, **words)
    if parameter.kind == "choice":
        return ModelsOwnField(parameter, **words)
    if parameter.kind == "check":
        return forms.BooleanField(**words)
    return JsonField(**words)


def typed_value(name: str, value: Any) -> str:
    """Return a setting as it is typed into its field; JSON without spaces, since a link has little room."""
    if name not in PARAMETERS:
        return str(value)
    if PARAMETERS[name].kind == "json":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if value is True:
        return "true"
    return str(field_of(PARAMETERS[name]).prepare_value(value))
