"""A person's batches as pages and files show them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Count, Q, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.models import User
from playground.batch_models import Batch, BatchCall, BatchPrompt
from playground.errors.cards import Card, card_of
from playground.errors.classify import AnswerError
from web.spreadsheet import FOR_PROGRAMS, Format, Row

BATCHES_A_PAGE: Final = 25
COLUMNS: Final = {  # of the file, by the names for programs
    "number": gettext_noop("Number"),
    "prompt": gettext_noop("Prompt"),
    "model": gettext_noop("Model"),
    "state": gettext_noop("State"),
    "answer": gettext_noop("Answer"),
    "reasoning": gettext_noop("Reasoning"),
    "finish_reason": gettext_noop("Ended"),
    "problem": gettext_noop("Problem"),
    "prompt_tokens": gettext_noop("Tokens in"),
    "completion_tokens": gettext_noop("Tokens out"),
    "cost_usd": gettext_noop("Cost (USD)"),
    "cost_source": gettext_noop("Source of the cost"),
    "took_s": gettext_noop("Seconds"),
    "call_id": gettext_noop("Call"),
}
ENDED: Final = (BatchCall.State.COMPLETE, BatchCall.State.FAILED, BatchCall.State.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCall:
    """A call with its error in words."""

    call: BatchCall
    card: Card | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrompt:
    """A prompt, and its calls in the order of the models."""

    prompt: BatchPrompt
    calls: list[ShownCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPage:
    """Some of the rows of a list, and the addresses of the pages next to this one; "": there is none."""

    rows: list[Any]
    first: int
    last: int
    count: int
    previous: str
    next: str

    @classmethod
    def of(cls, page: "Page[Any]", rows: list[Any]) -> "ShownPage":
        """Return the page with these rows."""
        return cls(
            rows=rows,
            first=page.start_index(),
            last=page.end_index(),
            count=page.paginator.count,
            previous=f"?page={page.previous_page_number()}" if page.has_previous() else "",
            next=f"?page={page.next_page_number()}" if page.has_next() else "",
        )


def batches_page(user: User, number: str | None) -> ShownPage:
    """Return a page of the batches with `calls_count`, `ended_count` and `cost_usd`, newest first; three queries."""
    newest = Batch.objects.owned_by(user).order_by("-created_at", "pk")
    page = Paginator(newest, BATCHES_A_PAGE).get_page(number)
    counted = newest.filter(pk__in=[batch.pk for batch in page]).annotate(
        calls_count=Count("calls"),
        ended_count=Count("calls", filter=Q(calls__state__in=ENDED)),
        cost_usd=Sum("calls__cost_usd"),
    )
    return ShownPage.of(page, list(counted))


def prompts_page(batch: Batch, page: "Page[BatchPrompt]") -> ShownPage:
    """Return the prompts of a page with their calls, in two queries."""
    prompts = list(page.object_list)
    calls = defaultdict[int, dict[str, BatchCall]](dict)
    for call in BatchCall.objects.filter(prompt__in=prompts).defer("reasoning"):
        calls[call.prompt_id][call.model] = call
    rows = [
        ShownPrompt(
            prompt=prompt,
            calls=[
                ShownCall(call=each, card=_card(each))
                for name in batch.model_names
                if (each := calls[prompt.pk].get(name))
            ],
        )
        for prompt in prompts
    ]
    return ShownPage.of(page, rows)


def result_rows(batch: Batch, form: Format) -> Iterator[Row]:
    """Return the rows of the file, with their texts: they are sent when the language of the request may be over."""
    header = [_(label) if form.for_people else name for name, label in COLUMNS.items()]
    states = {state.value: str(state.label) if form.for_people else state.value for state in BatchCall.State}
    calls = list(batch.calls.select_related("prompt").order_by("prompt__number", "pk"))
    problems = {call.pk: card.title for call in calls if (card := _card(call))}
    return _generated(header, states, calls, problems)


def as_json(batch: Batch) -> str:
    """Return the batch with its settings, and its calls by the names of the file for programs."""
    names, *rows = result_rows(batch, FOR_PROGRAMS)
    body = {
        "format": "passerelle-batch-1",
        "title": batch.title,
        "state": batch.state,
        "models": batch.model_names,
        "params": batch.params,
        "created_at": batch.created_at,
        "results": [dict(zip(map(str, names), row, strict=True)) for row in rows],
    }
    return json.dumps(body, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)


def _generated(
    header: Row, states: dict[str, str], calls: Sequence[BatchCall], problems: dict[int, str]
) -> Iterator[Row]:
    yield header
    for call in calls:
        yield [
            call.prompt.number,
            call.prompt.text,
            call.model,
            states[call.state],
            call.text,
            call.reasoning,
            call.finish_reason,
            problems.get(call.pk, ""),
            call.prompt_tokens,
            call.completion_tokens,
            call.cost_usd,
            call.cost_source,
            None if call.took_ms is None else call.took_ms / 1000,
            call.call_id,
        ]


def _card(call: BatchCall) -> Card | None:
    return card_of(AnswerError.from_json(call.problem)) if call.problem else None
