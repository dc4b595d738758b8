"""What templates of the playground need: texts as safe HTML."""

from django import template

from playground.rendering import answer_html, prompt_html

register = template.Library()
register.filter("answer_html", answer_html)
register.filter("prompt_html", prompt_html)
