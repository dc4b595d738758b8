"""The list of conversations, on every page of the Playground."""

from django import template
from django.template.context import Context

from playground.listing import Found, conversations_of

register = template.Library()


@register.simple_tag(takes_context=True)
def my_conversations(context: Context) -> Found:
    """Return the conversations of the signed-in person; one query."""
    return conversations_of(context["request"].user)
