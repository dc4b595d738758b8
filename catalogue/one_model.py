"""What the page of one model says: prices by example, who can call it, what was spent on it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from accounts.models import KeyKind, KeyRule, User
from accounts.policies import Allowance
from catalogue.models import NOTE_TEXTS, ModelNote
from keys.models import GatewayModel
from usage.models import DayModel, Fact, utc_today

PAGE_TOKENS: Final = 670  # of a page of 500 words
BOOK_TOKENS: Final = 130_000  # of a book of 100,000 words
MILLION: Final = Decimal(10) ** 6
SPEND_DAYS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a text costs that a model reads, or writes."""

    what: str
    usd: Decimal


def with_texts(models: QuerySet[GatewayModel]) -> QuerySet[GatewayModel]:
    """Add what administrators wrote about each, for `note_of`."""
    texts = JSONObject(**{name: name for name in NOTE_TEXTS})
    return models.annotate(texts=Subquery(ModelNote.objects.filter(name=OuterRef("name")).values(texts=texts)))


def note_of(model: GatewayModel) -> ModelNote:
    """Return what administrators wrote about a model of `with_texts`; empty texts if there are none."""
    return ModelNote(name=model.name, **(getattr(model, "texts", None) or {}))


def examples(model: GatewayModel) -> list[Example]:
    """Return what texts of known sizes cost; nothing where a price is zero, missing or odd."""
    if model.has_odd_price:
        return []
    found = []
    if price := model.input_usd_per_million:
        found.append(Example(what=_("A page of text read (500 words)"), usd=price * PAGE_TOKENS / MILLION))
        found.append(Example(what=_("A book read (100,000 words)"), usd=price * BOOK_TOKENS / MILLION))
    if price := model.output_usd_per_million:
        found.append(Example(what=_("A page of text written (500 words)"), usd=price * PAGE_TOKENS / MILLION))
    return found


def own_kinds(allowance: Allowance, name: str) -> list[KeyKind]:
    """Return the kinds of key with which a person can call a model."""
    rules = allowance.rules.items()
    return [KeyKind(kind) for kind, rule in rules if rule.allowed and (rule.models is None or name in rule.models)]


def kinds_by_group(name: str) -> list[tuple[str, list[KeyKind], bool]]:
    """Return (group, or "" for the default policy; kinds of key; whether on request) of every policy; one query."""
    rules: defaultdict[str, list[KeyRule]] = defaultdict(list)
    for rule in KeyRule.objects.select_related("policy__group").order_by("policy__group__name", "pk"):
        rules[rule.policy.group.name if rule.policy.group else ""].append(rule)
    return [
        (group, _kinds(of_group, name), name in of_group[0].policy.on_request)
        for group, of_group in sorted(rules.items())
    ]


def _kinds(rules: Iterable[KeyRule], name: str) -> list[KeyKind]:
    return [KeyKind(rule.kind) for rule in rules if rule.allowed and (rule.all_models or name in rule.model_names)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend:
    """What was spent on a model in SPEND_DAYS."""

    usd: Decimal
    requests: int


def own_spend(person: User, name: str) -> Spend:
    """Return a person's; one query."""
    return _spend(Fact.objects.filter(token_ref__owner=person, model__name=name))


def all_spend(name: str) -> Spend:
    """Return everybody's; one query."""
    return _spend(DayModel.objects.filter(model__name=name))


def _spend(rows: QuerySet[Fact] | QuerySet[DayModel]) -> Spend:
    since = utc_today() - timedelta(days=SPEND_DAYS - 1)
    sums = rows.filter(day__gte=since).aggregate(
        usd=Sum("spend_usd"), ok=Sum("ok_requests"), failed=Sum("failed_requests")
    )
    return Spend(usd=sums["usd"] or Decimal(0), requests=(sums["ok"] or 0) + (sums["failed"] or 0))
