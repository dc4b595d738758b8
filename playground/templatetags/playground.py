"""Template tags of the Playground: texts as safe HTML."""

from django import template
from django.template import Context
from django.utils.safestring import SafeString

from playground.rendering import RenderedAnswers, prompt_html

register = template.Library()
register.filter("prompt_html", prompt_html)


@register.simple_tag(takes_context=True)
def answer_html(context: Context, text: str) -> SafeString:
    """Return an answer as HTML: one of those rendered together for the page (`rendered`), or by itself."""
    rendered = context.get("rendered") or RenderedAnswers({})
    return rendered.html(text)
