"""What models answer and what people ask, as safe HTML. Knows of texts only, nothing of conversations or requests."""

from playground.rendering.answers import answer_html, prompt_html

__all__ = ["answer_html", "prompt_html"]
