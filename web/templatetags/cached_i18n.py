"""Django's library `i18n`, whose tags look up the words of a template once in each language.

Pages have a hundred texts, and Django resolves, translates and escapes each of them anew: 8 % of the processor time of
My keys. The catalogues do not change while the process runs.
"""

from typing import Any

from django.template import Context, Library
from django.template.base import Parser, Token
from django.templatetags import i18n
from django.utils.translation import get_language

register = Library()
register.tags.update(i18n.register.tags)
register.filters.update(i18n.register.filters)


class CachedTranslateNode(i18n.TranslateNode):
    """A text in HTML, written in the template; anything else is left to Django."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        expression, context = self.filter_expression, self.message_context
        literals = [expression.var, *([context.var] if context else [])]
        has_filters = expression.filters or (context and context.filters)
        self._is_literal = not (self.asvar or has_filters) and all(_is_literal(each) for each in literals)
        self._words: dict[str | None, str] = {}  # by language

    def render(self, context: Context) -> str:
        """Return the text in the present language, escaped."""
        if not self._is_literal or not context.autoescape:
            return super().render(context)
        language = get_language()
        if language not in self._words:
            self._words[language] = super().render(context)
        return self._words[language]


class CachedBlockTranslateNode(i18n.BlockTranslateNode):
    """A text with values, the message of which is put together once; the values and their translation are Django's."""

    def __init__(self, node: i18n.BlockTranslateNode) -> None:
        vars(self).update(vars(node))
        self._messages: dict[int, tuple[str, list[str]]] = {}  # by tokens, which are of this node: of one or of many

    def render_token_list(self, tokens: list[Token]) -> tuple[str, list[str]]:
        """Return the message and the names of its values."""
        if id(tokens) not in self._messages:
            self._messages[id(tokens)] = super().render_token_list(tokens)
        message, names = self._messages[id(tokens)]
        return message, [*names]  # Django adds those of the plural to them


def _is_literal(found: Any) -> bool:
    """Tell whether a part of an expression is a text in quotes."""
    return isinstance(found, str) or isinstance(getattr(found, "literal", None), str)


@register.tag("trans")
@register.tag("translate")
def translate(parser: Parser, token: Token) -> CachedTranslateNode:
    """Parse the tag as Django does."""
    node = i18n.do_translate(parser, token)
    return CachedTranslateNode(node.filter_expression, node.noop, node.asvar, node.message_context)


@register.tag("blocktrans")
@register.tag("blocktranslate")
def blocktranslate(parser: Parser, token: Token) -> CachedBlockTranslateNode:
    """Parse the tag as Django does."""
    return CachedBlockTranslateNode(i18n.do_block_translate(parser, token))
