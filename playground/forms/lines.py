"""Fields with one value on each line: stop sequences, pairs of a name and a value."""

import re
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from gateway.secret import redact
from playground import parameters
from playground.forms.fields import TextField


class StopField(TextField):
    """Texts, one a line, in which \\n, \\t and \\\\ mean a line break, a tab and a backslash."""

    MEANS: Final = {"n": "\n", "t": "\t", "\\": "\\"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=parameters.STOPS * parameters.STOP_CHARS * 2, **kwargs)
        self.widget.attrs.update({"rows": 2})

    def clean(self, value: Any) -> list[str]:
        """Return the texts."""
        lines = [line for line in super().clean(value).split("\n") if line.strip()]
        if len(lines) > parameters.STOPS:
            raise ValidationError(_("At most %(most)d texts, one per line."), "many", {"most": parameters.STOPS})
        if any(len(line) > parameters.STOP_CHARS for line in lines):
            raise ValidationError(_("At most %(most)d characters per line."), "long", {"most": parameters.STOP_CHARS})
        return [re.sub(r"\\([nt\\])", lambda found: self.MEANS[found[1]], line) for line in lines]

    def prepare_value(self, value: Any) -> Any:
        """Format stored texts as people type them."""
        if not isinstance(value, list):
            return value
        written = (text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") for text in value)
        return "\n".join(written)


class MetadataField(TextField):
    """Lines of `name = value`, with names that mean nothing to a gateway.

    LiteLLM reads more than a hundred names in metadata, and more with each release: how it logs and routes a call,
    its user, its cost, whether it failed. So only names that are known to be harmless are sent.
    """

    def __init__(self, **kwargs: Any) -> None:
        line = parameters.METADATA_NAME_CHARS + parameters.METADATA_VALUE_CHARS + 5
        super().__init__(max_length=parameters.METADATA_LINES * line, **kwargs)
        self.widget.attrs.update({"rows": 2})

    def clean(self, value: Any) -> dict[str, str]:
        """Return the pairs; each error names its line."""
        pairs: dict[str, str] = {}
        for number, line in enumerate(super().clean(value).split("\n"), start=1):
            if line.strip():
                name, text = _pair(number, line)
                pairs[name] = text
        if len(pairs) > parameters.METADATA_LINES:
            raise ValidationError(_("At most %(most)d lines."), "many", {"most": parameters.METADATA_LINES})
        return pairs

    def prepare_value(self, value: Any) -> Any:
        """Format stored pairs as lines."""
        return "\n".join(f"{name} = {text}" for name, text in value.items()) if isinstance(value, dict) else value


def _pair(number: int, line: str) -> tuple[str, str]:
    name, equals, text = (part.strip() for part in line.partition("="))
    if not (name and equals and text):
        raise ValidationError(_("Line %(line)d: write it as name = value."), "pair", {"line": number})
    if len(name) > parameters.METADATA_NAME_CHARS or len(text) > parameters.METADATA_VALUE_CHARS:
        raise ValidationError(
            _("Line %(line)d is too long: %(name)d characters for the name, %(value)d for the value."),
            code="long",
            params={
                "line": number,
                "name": parameters.METADATA_NAME_CHARS,
                "value": parameters.METADATA_VALUE_CHARS,
            },
        )
    if name not in settings.PLAYGROUND_METADATA_NAMES:
        raise ValidationError(
            _("Line %(line)d: the name must be one of these: %(names)s."),
            code="name",
            params={"line": number, "names": ", ".join(settings.PLAYGROUND_METADATA_NAMES)},
        )
    if redact(line) != line:
        raise ValidationError(
            _("Line %(line)d contains a key. Remove it: the gateway would log it."), "secret", {"line": number}
        )
    return name, text
