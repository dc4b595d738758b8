"""The list of conversations, on every page of the Playground."""

from django import template
from django.template.context import Context

from playground.listing import Found, conversations_of
from playground.picker import Part, parts_of, recent_names

register = template.Library()


@register.simple_tag(takes_context=True)
def my_conversations(context: Context) -> Found:
    """Return the conversations of the signed-in person, which the page may have; else one query."""
    return context.get("own_conversations") or conversations_of(context["request"].user)


@register.simple_tag(takes_context=True)
def model_parts(context: Context) -> list[Part]:
    """Return the models of the page, favourites and those used last first."""
    return parts_of(context["models"], recent_names(context.get("own_conversations")))
