"""Answers and messages as safe HTML, within a processor budget. Knows texts only, no conversations."""

from playground.rendering.answers import RenderedAnswers, answer_html, content_of, render_answers
from playground.rendering.prompts import prompt_html

__all__ = ["RenderedAnswers", "answer_html", "content_of", "prompt_html", "render_answers"]
