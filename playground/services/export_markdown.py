"""A conversation as Markdown: the shown branch as people read it, then the other versions.

Comments between the parts, which no viewer shows, have what an import needs. They begin with random characters, so
that nothing in a conversation is taken for one. Images and files are named, not contained.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone
from django.utils.translation import gettext as _

from playground.errors.cards import card_of
from playground.errors.problems import problem_of
from playground.models import Answer, Attachment, Conversation, Message
from playground.reasoning import parted
from playground.services.export import CONVERSATION_FIELDS, FORMAT, fields_of
from playground.services.tree import Tree, bring_files

NOT_PARAMETERS: Final = ("model", "system")
# The fields of an answer that an import reads; its text stands below the comment.
ANSWER_FIELDS: Final = (
    *("id", "model", "params", "state", "reasoning", "tool_calls", "others", "extras"),
    *("finish_reason", "problem", "imported", "started_at", "ended_at"),
)


def as_markdown(conversation: Conversation) -> str:
    """Return the conversation with all alternatives, the shown branch first."""
    return "\n\n".join(_Writer(conversation).parts()) + "\n"


class _Writer:
    """Writes one conversation; `boundary` begins its comments."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.boundary = token_hex(12)
        self.tree = Tree.of(conversation, with_parameters=True)
        self.system = ""  # prompt of the answer before

    def parts(self) -> Iterator[str]:
        """Yield all parts, to be separated by empty lines."""
        way = self.tree.way_shown(self.conversation)
        messages = self.tree.messages()
        bring_files(messages)
        about = fields_of(self.conversation, CONVERSATION_FIELDS)
        yield _comment(FORMAT, self.boundary, {**about, "shown": [answer.id for _, answer in way]})
        yield f"# {self.conversation.title}"
        yield _("Begun %(began)s, exported %(now)s.") % {
            "began": _when(self.conversation.created_at),
            "now": _when(timezone.now()),
        }
        for message, answer in way:
            yield from self._turn(message, [answer])
        shown = {answer.id for _, answer in way}
        yield from self._others(messages, shown)

    def _others(self, messages: Iterable[Message], shown: set[Any]) -> Iterator[str]:
        """Yield what the page does not show: alternative answers, and messages with theirs."""
        is_first = True
        for message in messages:
            answers = self.tree.answers_to[message.id]
            hidden = [answer for answer in answers if answer.id not in shown]
            if answers and not hidden:
                continue
            if is_first:
                yield "# " + _("Other versions")
                is_first = False
            yield from self._turn(message, hidden, repeated=len(hidden) < len(answers))

    def _turn(self, message: Message, answers: Sequence[Answer], *, repeated: bool = False) -> Iterator[str]:
        """Yield a message with answers to it; only its beginning if it was there already."""
        for first in answers[:1]:
            yield from self._system_prompt(first)
        if repeated:
            yield "## " + (message.name or _("You"))
            yield f"> {' '.join(message.text.split())[:60]}…"
        else:
            yield self._mark(
                "message",
                {**fields_of(message, ("id", "name", "created_at")), "follows": message.parent_id}
                | {"left_out": len(message.sent_files)},
            )
            yield "## " + (message.name or _("You"))
            yield self._mark("text")
            yield message.text
            yield self._mark("end")
            yield from (_file_words(file) % {"name": file.name} for file in message.sent_files)
        for answer in answers:
            yield from self._answer(message, answer)

    def _system_prompt(self, answer: Answer) -> Iterator[str]:
        """Yield the system prompt where it is another one than before."""
        if (prompt := answer.params.get("system", "")) != self.system:
            self.system = prompt
            yield "## " + _("System prompt")
            yield prompt or _("(none from here on)")

    def _answer(self, message: Message, answer: Answer) -> Iterator[str]:
        yield from self._system_prompt(answer)
        thought, text = parted(answer.text)
        about = {**fields_of(answer, ANSWER_FIELDS), "message": message.id}
        yield self._mark("answer", {**about, "text": answer.text} if thought else about)
        yield f"## {answer.model}"
        yield from _reasoning(answer.reasoning, thought)
        if not thought:
            yield self._mark("text")
        yield text
        if not thought:
            yield self._mark("end")
        yield from _calls(answer.tool_calls)
        yield from _extras(answer.extras)
        for number, other in enumerate(answer.others, start=2):
            yield "### " + _("Choice %(number)d") % {"number": number}
            yield from _choice(other)
            yield from _extras(other)
        if problem := problem_of(answer):
            card = card_of(problem, answer=answer)
            yield f"**{card.title}** {card.sentence}"
        yield f"*{' · '.join(_figures(answer))}*"

    def _mark(self, name: str, about: Mapping[str, Any] | None = None) -> str:
        return _comment(self.boundary, name, about)


def _comment(first: str, second: str, about: Mapping[str, Any] | None) -> str:
    """Return a comment on one line, which nothing in it can end."""
    if about is None:
        return f"<!-- {first} {second} -->"
    text = json.dumps(about, cls=DjangoJSONEncoder, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"<!-- {first} {second} {text} -->"


def _file_words(file: Attachment) -> str:
    return _("Image: %(name)s") if file.is_image else _("File: %(name)s")


def _choice(choice: Mapping[str, Any]) -> Iterator[str]:
    thought, text = parted(choice.get("text", ""))
    yield from _reasoning(choice.get("reasoning", ""), thought)
    if text:
        yield text
    yield from _calls(choice.get("tool_calls", []))


def _reasoning(*texts: str) -> Iterator[str]:
    if reasoning := "\n\n".join(filter(None, texts)):
        yield "\n".join(f"> {line}".rstrip() for line in [_("Reasoning:"), "", *reasoning.splitlines()])


def _calls(tool_calls: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for call in tool_calls:
        yield _("Call of %(name)s:") % {"name": call.get("name") or "?"}
        yield _fenced(call.get("arguments") or "")


def _extras(extras: Mapping[str, Any]) -> Iterator[str]:
    """Yield other content than the text: pictures by their number, sources by their URL."""
    if images := extras.get("images"):
        yield _("Pictures made by the model: %(count)d") % {"count": len(images)}
    if sources := extras.get("sources"):
        yield "\n".join(f"- {source['title']} <{source['url']}>".replace("  ", " ") for source in sources)


def _figures(answer: Answer) -> Iterator[str]:
    """Yield the known figures of an answer, each with its unit."""
    yield _when(answer.started_at)
    if answer.imported:
        yield _("imported, without cost")
    if answer.answered_by and answer.answered_by != answer.model:
        yield _("answered by %(model)s") % {"model": answer.answered_by}
    yield from _parameters(answer.params)
    if answer.prompt_tokens is not None:
        yield _("%(count)d tokens in") % {"count": answer.prompt_tokens}
    if answer.completion_tokens is not None:
        yield _("%(count)d tokens out") % {"count": answer.completion_tokens}
    if answer.cost_usd is not None:
        yield f"{answer.cost_usd.normalize():f} USD ({answer.get_cost_source_display()})"
    if answer.first_token_ms is not None:
        yield _("first token after %(seconds).2f s") % {"seconds": answer.first_token_ms / 1000}
    if answer.took_ms is not None:
        yield _("%(seconds).2f s in all") % {"seconds": answer.took_ms / 1000}
    yield " ".join(
        [str(answer.get_state_display()), f"({answer.finish_reason})" if answer.finish_reason else ""]
    ).strip()
    if answer.call_id:
        yield _("call %(id)s") % {"id": answer.call_id}


def _parameters(params: Mapping[str, Any]) -> Iterator[str]:
    for name, value in params.items():
        if name not in NOT_PARAMETERS:
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"


def _fenced(text: str) -> str:
    """Return a block of code whose fence its content cannot end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"


def _when(when: datetime) -> str:
    return timezone.localtime(when).strftime("%Y-%m-%d %H:%M %Z")
