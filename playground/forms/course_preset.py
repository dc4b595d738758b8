"""The form of a course's preset: its name, and the settings as the Playground checks them."""

from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from courses.models import Preset
from keys.models import GatewayModel
from playground.forms.ask import AskForm, ParameterField
from playground.forms.fields import TextField
from playground.parameters import PARAMETERS, PERSONAL


class PresetForm(forms.Form):
    """What the preset is called, and whether students can change it."""

    name = forms.CharField(label=_("Name"), max_length=60)
    is_locked = forms.BooleanField(label=_("Locked: students use it as it is"), required=False)


class PresetSettingsForm(AskForm):
    """Model, system prompt and parameters of a preset; `models` are those of the course."""

    def __init__(self, data: Any, *, models: list[GatewayModel], preset: Preset | None) -> None:
        initial = self.initial_from(preset.params) if preset else {}
        super().__init__(data, models=models, with_message=False, initial=initial)
        system = cast("TextField", self.fields["system"])
        system.allow_at_most(Preset._meta.get_field("system_prompt").max_length or 0)

    def parameter_fields(self) -> list[ParameterField]:
        """Leave out what each person sets for themselves."""
        return [each for each in super().parameter_fields() if each.name not in PERSONAL]

    def values(self) -> dict[str, Any]:
        """Return the valid values as the preset's row has them."""
        params = self.params()
        parameters = {name: params[name] for name in PARAMETERS if name in params and name not in PERSONAL}
        return {"model": params["model"], "system_prompt": params.get("system", ""), "parameters": parameters}
