"""Template tags of the Playground: texts as safe HTML."""

from collections.abc import Mapping, Sequence
from typing import Final

from django import template
from django.template import Context
from django.urls import reverse
from django.utils.safestring import SafeString

from playground.rendering import RenderedAnswers, prompt_html

register = template.Library()

SHARED: Final = {
    "image": "playground:shared_image",
    "generated_image": "playground:shared_picture",
    "file": "playground:shared_file",
}
register.filter("prompt_html", prompt_html)


@register.simple_tag(takes_context=True)
def answer_html(context: Context, text: str, sources: Sequence[Mapping[str, str]] | None = None) -> SafeString:
    """Return an answer as HTML: one of those rendered together for the page (`rendered`), or by itself."""
    rendered = context.get("rendered") or RenderedAnswers({})
    return rendered.html(text, sources or ())


@register.simple_tag(takes_context=True)
def file_address(context: Context, name: str, file_id: object) -> str:
    """Return the URL of an image or a file (`name` is its route), under the link of a shared conversation there."""
    if token := context.get("share_token"):
        return reverse(SHARED[name], args=[token, file_id])
    return reverse(f"playground:{name}", args=[file_id])
