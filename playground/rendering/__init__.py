"""What models answer and what people ask, as safe HTML, within a budget. Knows texts only, no conversations."""

from playground.rendering.answers import RenderedAnswers, answer_html, prompt_html, render_answers

__all__ = ["RenderedAnswers", "answer_html", "prompt_html", "render_answers"]
