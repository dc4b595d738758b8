"""The explorer's numbers are those of the facts, to the last digit, in every metric and split."""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from courses.models import Course
from keys.models import Key, Team
from tests.factories import make_user
from tests.usage.polling import make_key
from usage.models import (
    MEASURES,
    CostCentre,
    CountedMember,
    DayGroup,
    DayModel,
    DayToken,
    Fact,
    TokenRef,
    UsedModel,
    utc_today,
)
from usage.periods import Period
from usage.queries.distinct import Distinct
from usage.queries.explorer import TOP, Exploration, Question, bucket_of, explore
from usage.queries.metrics import METRICS, Amount
from usage.queries.scope import NONE, UNATTRIBUTED, Scope, joined, scope_of
from usage.queries.splits import SPLITS, Reader
from usage.services import rebuild_rollups
from usage.services.rollups import roll_up_reattributed

pytestmark = pytest.mark.django_db
MOST_QUERIES = 7


@pytest.fixture
def crowd() -> Period:
    """Make random facts of people in none, one or two groups, with keys of all kinds; return a period amid them."""
    chance = random.Random(7)
    groups = [Group.objects.create(name=name) for name in ("Vision", "Speech", "Odd|name")]
    people = [make_user(f"p{number}") for number in range(12)]
    for person in people[:-2]:
        person.groups.set(chance.sample(groups, chance.choice((1, 1, 2))))
    team = Team.objects.create(budget_usd=Decimal(9), key_budget_usd=Decimal(1), ends_at=timezone.now())
    Course.objects.create(
        name="Logic", team=team, time_zone="UTC", starts_at=timezone.now(), max_students=9, created_by=people[0]
    )
    refs = [
        TokenRef.objects.create(token=f"word-{number}", owner=chance.choice([None, people[0]])) for number in (1, 2)
    ]
    for number in range(30):
        owner = people[number % len(people)]
        more: dict[str, Any] = {"label": f"key {number}"} | ({"intern_name": "Intern"} if number % 7 == 0 else {})
        in_course = number % 5 == 0
        kind = (
            Key.Kind.COURSE
            if in_course
            else chance.choice([each for each in Key.Kind.values if each not in ("course", "playground")])
        )
        more |= {"team": team} if in_course else {}
        key = make_key(owner, f"{number:064x}", kind=kind, **more)
        refs += [
            TokenRef.objects.create(token=f"{number}-{token}", key=key, owner=owner)
            for token in range(chance.choice((1, 2)))
        ]
    models = [
        UsedModel.objects.create(name=f"m{n}" if n else "", provider=("", "one", "two")[n % 3]) for n in range(11)
    ]
    wanted = {
        (utc_today() - timedelta(chance.randrange(50)), chance.choice(refs), chance.choice(models)) for _ in range(600)
    }
    centres = [0, *(CostCentre.objects.create(code=code).pk for code in ("A-1", "Odd|code"))]
    Fact.objects.bulk_create(
        Fact(
            cost_centre_number=chance.choice(centres),
            day=day,
            token_ref=ref,
            model=model,
            **{name: chance.randrange(0, 10**6) for name in MEASURES if name != "spend_usd"},
            spend_usd=Decimal(chance.randrange(-(10**9), 10**13)).scaleb(-12),
        )
        for day, ref, model in sorted(wanted, key=lambda each: (each[0], each[1].pk, each[2].pk))
    )
    rebuild_rollups()
    return Period("", utc_today() - timedelta(days=20), utc_today())


def parts_of(fact: Fact, split: str) -> list[Any]:
    """Return the parts of a split in which a fact counts."""
    ref, key, owner = fact.token_ref, fact.token_ref.key, fact.token_ref.owner
    one: dict[str, Callable[[], Any]] = {
        "model": lambda: (fact.model_id,),
        "provider": lambda: (fact.model.provider,),
        "person": lambda: (ref.owner_id,),
        "supervisor": lambda: (ref.owner_id if key and key.intern_id else None,),
        "course": lambda: (key.team.course.pk if key and key.team else None,),
        "key": lambda: (key.pk, None) if key else (None, ref.pk),
        "kind": lambda: (key.kind if key else "",),
        "cost_centre": lambda: (fact.cost_centre_number,),
    }
    if split == "group":
        return [(group.pk,) for group in owner.groups.all()] if owner and owner.groups.exists() else [(None,)]
    return [one[split]()]


def amount_of(facts: list[Fact], name: str) -> Amount:
    """Add up, or count, facts."""
    if name == "people":
        return Amount(len({fact.token_ref.owner_id for fact in facts} - {None}))
    if name == "keys":
        return Amount(len({fact.token_ref.key_id or fact.token_ref_id for fact in facts}))
    metric = METRICS[name]
    return Amount(
        *(sum(getattr(fact, field) for fact in facts for field in fields) for fields in (metric.sums, metric.per))
    )


class Sums:
    """The facts, and what they come to."""

    def __init__(self, of: Callable[[Fact], Any] = lambda _fact: True) -> None:
        rows = Fact.objects.select_related("model", "token_ref__key__team__course", "token_ref__owner")
        self.facts = [fact for fact in rows.prefetch_related("token_ref__owner__groups") if of(fact)]

    def within(self, period: Period) -> list[Fact]:
        return [fact for fact in self.facts if period.first_day <= fact.day <= period.last_day]

    def check(self, found: Exploration, *, parts: Callable[[Fact, str], list[Any]] = parts_of) -> None:
        """Compare every line, bar and total with the facts."""
        name, split, step = found.question.metric, found.question.split, found.question.step
        now, before = self.within(found.period), self.within(found.period.previous())
        by_part: dict[Any, list[Fact]] = defaultdict(list)
        for fact in now:
            for part in parts(fact, split):
                by_part[part].append(fact)
        assert {line.part: line.amount for line in found.lines} == {
            part: amount_of(facts, name) for part, facts in by_part.items()
        }
        assert (found.total, found.before) == (amount_of(now, name), amount_of(before, name))
        for line, series in zip(found.top, found.series, strict=False):
            for bucket, amount in zip(found.buckets, series, strict=True):
                assert amount == amount_of(
                    [each for each in by_part[line.part] if bucket_of(each.day, step) == bucket], name
                )
        for bucket, amount in zip(found.buckets, found.totals, strict=True):
            assert amount == amount_of([each for each in now if bucket_of(each.day, step) == bucket], name)
        if len(found.series) > TOP:
            assert _sum(found.series[-1]) == _sum(line.amount for line in found.lines[TOP:])


def _sum(amounts: Any) -> Amount:
    total = Amount()
    for amount in amounts:
        total = total.plus(amount)
    return total


def test_every_metric_and_split_equals_the_facts(crowd: Period) -> None:
    sums = Sums()
    steps = ("day", "week", "month")

    for number, (metric, split) in enumerate(product(METRICS, SPLITS)):
        with CaptureQueriesContext(connection) as queries:
            found = explore(Question(metric=metric, split=split, step=steps[number % 3]), Scope(), crowd)
        assert found.lines
        sums.check(found)
        assert len(queries) <= MOST_QUERIES


def filters() -> Iterator[tuple[dict[str, str], Callable[[Fact], Any]]]:
    """Yield filters, with what they keep."""
    course = str(Course.objects.get().pk)
    key = Key.objects.order_by("pk")[0]

    def groups(fact: Fact) -> set[str]:
        return {group.name for group in fact.token_ref.owner.groups.all()} if fact.token_ref.owner else set()

    yield {"model": "m1|m4"}, lambda fact: fact.model.name in ("m1", "m4")
    yield {"model": NONE}, lambda fact: fact.model.name == ""
    yield {"provider": "one"}, lambda fact: fact.model.provider == "one"
    yield {"group": "Vision"}, lambda fact: "Vision" in groups(fact)
    yield {"group": joined(["Odd|name", "Speech"])}, lambda fact: bool({"Odd|name", "Speech"} & groups(fact))
    yield {"group": NONE}, lambda fact: not groups(fact)
    yield (
        {"kind": "personal,temporary"},
        lambda fact: fact.token_ref.key and fact.token_ref.key.kind in ("personal", "temporary"),
    )
    centre = CostCentre.objects.get(code="Odd|code").pk
    yield {"cost_centre": joined(["Odd|code", NONE])}, lambda fact: fact.cost_centre_number in (centre, 0)
    yield (
        {"cost_centre": joined(["Odd|code"]), "group": "Vision", "model": "m1|m2|m3"},
        lambda fact: (
            fact.cost_centre_number == centre and "Vision" in groups(fact) and fact.model.name in ("m1", "m2", "m3")
        ),
    )
    yield {"cost_centre": "unknown"}, lambda fact: False
    yield {"kind": NONE}, lambda fact: fact.token_ref.key is None
    yield {"person": "p1|p2"}, lambda fact: str(fact.token_ref.owner) in ("p1", "p2")
    yield {"person": UNATTRIBUTED}, lambda fact: fact.token_ref.owner is None
    yield {"key": str(key.pk)}, lambda fact: fact.token_ref.key_id == key.pk
    yield {"course": course}, lambda fact: fact.token_ref.key and fact.token_ref.key.team_id
    yield {"course": NONE}, lambda fact: not (fact.token_ref.key and fact.token_ref.key.team_id)
    yield (
        {"supervisor": "p0"},
        lambda fact: fact.token_ref.key and fact.token_ref.key.intern_id and str(fact.token_ref.owner) == "p0",
    )
    yield (
        {"group": "Vision", "kind": "personal", "model": "m1|m2|m3"},
        lambda fact: (
            "Vision" in groups(fact)
            and fact.token_ref.key
            and fact.token_ref.key.kind == "personal"
            and fact.model.name in ("m1", "m2", "m3")
        ),
    )


def test_every_filter_and_split_equals_the_facts(crowd: Period) -> None:
    for params, keeps in filters():
        sums = Sums(keeps)

        def parts(fact: Fact, split: str, params: dict[str, str] = params) -> list[Any]:
            found = parts_of(fact, split)
            if split != "group" or "group" not in params:
                return found
            names = dict(Group.objects.values_list("pk", "name"))
            wanted = {
                name.replace("\\|", "|") for name in params["group"].replace("Odd\\|name|", "Odd\\|name\n").split("\n")
            }
            return [(pk,) for (pk,) in found if names.get(pk, NONE) in wanted]

        for metric, split in product(("spend", "people", "keys"), SPLITS):
            question = Question(metric=metric, split=split)
            sums.check(explore(question, scope_of(params), crowd), parts=parts)


def test_a_person_sees_their_own_numbers_only(crowd: Period) -> None:
    owner = User.objects.get(username="p0")
    mine = Sums(lambda fact: fact.token_ref.owner_id == owner.pk)
    interns = Sums(
        lambda fact: (
            fact.token_ref.owner_id == owner.pk
            and fact.token_ref.key is not None
            and fact.token_ref.key.intern_id is not None
        )
    )

    for metric, split in product(("requests", "keys"), SPLITS):
        question = Question(metric=metric, split=split)
        mine.check(explore(question, Scope(owner_id=owner.pk), crowd))
        interns.check(explore(question, Scope(owner_id=owner.pk, interns_only=True), crowd))


def test_compares_each_line_with_the_period_before(crowd: Period) -> None:
    sums = Sums()
    before = crowd.previous()

    for split in ("model", "person"):
        found = explore(Question(split=split, compare=True), Scope(), crowd)
        assert sum(line.before.top for line in found.lines if line.before) > 0
        for line in found.lines:
            facts = [fact for fact in sums.within(before) if line.part in parts_of(fact, split)]
            assert line.before == amount_of(facts, "spend")


def test_counts_anew_what_changed_hands_kind_or_group(crowd: Period) -> None:
    person, key = User.objects.get(username="p3"), Key.objects.order_by("-pk")[0]
    person.groups.set([Group.objects.create(name="New")])
    Group.objects.get(name="Speech").delete()
    TokenRef.objects.filter(token="word-1").update(owner=person, key=key)
    roll_up_reattributed()

    sums = Sums()
    for split in ("group", "kind", "person"):
        sums.check(explore(Question(split=split), Scope(), crowd))
    assert roll_up_reattributed() == 0
    assert rebuild_rollups() == {}


def test_changes_that_were_not_noted_are_counted_again_with_the_same_sums(crowd: Period) -> None:
    kept = {
        model: set(model._default_manager.values_list("day", "spend_usd")) for model in (DayModel, DayToken, DayGroup)
    }
    CountedMember.objects.all().delete()
    TokenRef.objects.update(counted_owner=0, counted_kind="")

    assert roll_up_reattributed() == 0

    for model, rows in kept.items():
        assert set(model._default_manager.values_list("day", "spend_usd")) == rows
    assert CountedMember.objects.exists()


def test_counts_somebody_who_loses_their_last_token_meanwhile(crowd: Period) -> None:
    of = Distinct("people", Reader(Scope()), "group")
    days = of.days(crowd)
    before = of.by_part(days)
    TokenRef.objects.filter(owner__username="p3").update(owner=User.objects.get(username="p4"))

    counted = {part: of.by_bucket(days, lambda _day: crowd.first_day, part) for part in before}

    assert counted == {part: {crowd.first_day: amount} for part, amount in before.items()}
