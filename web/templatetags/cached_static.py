"""Django's library `static`, whose tag finds the address of a file once: each page names two dozen in its head.

The files do not move while the process runs.
"""

from typing import Any

from django.template import Context, Library
from django.template.base import Parser, Token
from django.templatetags import static as djangos

register = Library()
register.tags.update(djangos.register.tags)


class CachedStaticNode(djangos.StaticNode):
    """The address in HTML of a file that is named in the template; anything else is left to Django."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        is_literal = isinstance(self.path.var, str) and not self.path.filters
        self._is_remembered = is_literal and self.varname is None
        self._address = ""

    def render(self, context: Context) -> str:
        """Return the address, escaped."""
        if not self._is_remembered or not context.autoescape:
            return super().render(context)
        self._address = self._address or super().render(context)
        return self._address


@register.tag
def static(parser: Parser, token: Token) -> djangos.StaticNode:
    """Parse the tag as Django does."""
    return CachedStaticNode.handle_token(parser, token)
