"""Fills the portal's own database with the data set, quickly. Needs Django set up."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from bench.dataset import DAYS_AGO, KEY, KEYS, MEASURES, MODEL, MODELS, NUMBERS, PEOPLE, facts_a_day, token_of
from keys.models import GatewayState, Key, PersonBudget, Token
from usage.models import COLOURS, Fact, TokenRef, UsageState, UsedModel, utc_today
from usage.services import rebuild_rollups, update_keys

BATCH = 500
KEYS_AT_ONCE = 20_000


@transaction.atomic
def make_crowd() -> None:
    """Create people, their budgets and their keys; person 0 owns key 0, and `admin` owns none."""
    User.objects.create_superuser("admin", "admin@example.edu", password=None)
    User.objects.bulk_create(
        [User(username=f"person-{n}", email=f"person-{n}@example.edu", password="!") for n in range(PEOPLE)],  # noqa: S106
        batch_size=BATCH,
    )
    people = list(User.objects.exclude(username="admin").order_by("pk"))
    groups = [Group.objects.get_or_create(name=name)[0] for name in ("Staff", "Interns")]
    for number, group in enumerate(groups):
        group.user_set.add(*people[number::2])
    PersonBudget.objects.bulk_create(
        [
            PersonBudget(owner=person, budget_usd=Decimal(200), budget_period="30d", state="written")
            for person in people
        ],
        batch_size=BATCH,
    )
    _make_keys(people)
    now = timezone.now()
    GatewayState.objects.update_or_create(pk=1, defaults={"checked_at": now, "ok_at": now, "models_at": now})


def _make_keys(people: list[User]) -> None:
    kinds = (Key.Kind.PERSONAL, Key.Kind.TEMPORARY)
    for numbers in _batches():
        keys = [
            Key(
                owner=people[n % PEOPLE],
                kind=Key.Kind.PLAYGROUND if n // PEOPLE == 2 else kinds[n // PEOPLE % 2],
                label=f"key {n // PEOPLE}",
                state=Key.State.ACTIVE,
                budget_usd=Decimal(50),
                budget_period="30d",
                expires_at=timezone.now() + timedelta(days=90),
            )
            for n in numbers
        ]
        Key.objects.bulk_create(keys, batch_size=BATCH)
        live = Token.State.LIVE
        tokens = [Token(key=key, token=token_of(n), state=live) for n, key in zip(numbers, keys, strict=True)]
        Token.objects.bulk_create(tokens, batch_size=BATCH)


def _batches() -> Iterator[range]:
    """Yield the numbers of all keys, so many at a time that a million of them need little memory."""
    for first in range(0, KEYS, KEYS_AT_ONCE):
        yield range(first, min(first + KEYS_AT_ONCE, KEYS))


def make_facts(facts: int) -> None:
    """Create so many facts, and their sums by the portal's own service."""
    for numbers in _batches():
        names = [token_of(n) for n in numbers]
        owned = {token.token: token.key for token in Token.objects.filter(token__in=names).select_related("key")}
        TokenRef.objects.bulk_create(
            [TokenRef(token=name, key=owned[name], owner_id=owned[name].owner_id) for name in names], batch_size=BATCH
        )
    UsedModel.objects.bulk_create(
        [
            UsedModel(name=f"model-{n}", colour=n % COLOURS + 1, provider=("openai", "anthropic", "vllm")[n % 3])
            for n in range(MODELS)
        ]
    )
    now = timezone.now()
    UsageState.objects.create(pk=1, last_ok_at=now, last_try_at=now, version=1)
    _insert(facts)
    rebuild_rollups()
    update_keys()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # autovacuum does so in time


def _insert(facts: int) -> None:
    """Make the database compute the rows from their numbers."""
    a_day = facts_a_day(facts)
    first_token_ref = TokenRef.objects.order_by("pk").values_list("pk", flat=True)[0]
    first_model = UsedModel.objects.order_by("pk").values_list("pk", flat=True)[0]
    ago = DAYS_AGO.format(a_day=a_day)
    on_postgres = connection.vendor == "postgresql"
    day = f"CAST(%s AS date) - CAST({ago} AS int)" if on_postgres else f"date(%s, '-' || ({ago}) || ' days')"
    columns = ", ".join(("day", "token_ref_id", "model_id", "cost_centre_number", *MEASURES))
    values = ", ".join(
        (
            day,
            f"{first_token_ref} + {KEY.format(a_day=a_day)}",
            f"{first_model} + {MODEL.format(a_day=a_day)}",
            "0",  # of no cost centre
            *MEASURES.values(),
        )
    )
    values = values.replace("%", "%%").replace("%%s", "%s")
    numbers = NUMBERS.format(first=0, end=facts)
    insert = f"INSERT INTO {Fact._meta.db_table} ({columns}) {numbers} SELECT {values} FROM numbers"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(insert, [utc_today()])
