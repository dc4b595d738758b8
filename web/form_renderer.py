"""How forms become HTML: by templates, those of the portal first, but a plain input without one."""

from collections.abc import Mapping
from typing import Any, Final

from django.forms.renderers import TemplatesSetting
from django.http import HttpRequest
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from web.templatetags.portal import attributes

INPUTS: Final = frozenset(
    f"django/forms/widgets/{name}.html"
    for name in ("checkbox", "date", "email", "hidden", "input", "number", "password", "text", "url")
)
OPTIONS: Final = frozenset(
    f"django/forms/widgets/{name}.html" for name in ("checkbox_option", "input_option", "radio_option")
)


class FormRenderer(TemplatesSetting):
    """Django renders an `<input>` by three templates; a form of the portal has up to a hundred of them."""

    def render(self, template_name: str, context: Mapping[str, Any], request: HttpRequest | None = None) -> str:
        """Return the HTML of a form, a field or a widget."""
        if template_name in INPUTS or (template_name in OPTIONS and not context["widget"].get("wrap_label")):
            return _input(context["widget"])
        return super().render(template_name, dict(context), request)


def _input(widget: Mapping[str, Any]) -> SafeString:
    """Return an input as `django/forms/widgets/input.html` writes it."""
    value = widget["value"]
    written = "" if value is None else f' value="{conditional_escape(value)}"'
    kind, name = conditional_escape(widget["type"]), conditional_escape(widget["name"])
    return SafeString(f'<input type="{kind}" name="{name}"{written}{attributes(widget["attrs"])}>')
