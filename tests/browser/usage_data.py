"""Weeks of usage of many people, as rows: data for the pages of usage."""

from decimal import Decimal
from typing import Any

from accounts.models import User
from tests.factories import make_user
from tests.usage.polling import make_key
from tests.usage.views.facts import day, provider_of, settle, token_ref_of
from usage.models import Fact, UsedModel

USES = ("thesis", "notebook")
MODELS = ("gpt-4o-mini", "claude-3-haiku", "llama-70b", "embedding")


def weeks_of_use(*owners: User, days: int = 60) -> None:
    """Give people two keys each, and thirty others one, that were used nearly every day of so many."""
    others = [make_user(f"person-{number:02}", first_name=f"Person {number:02}") for number in range(1, 31)]
    keys = [make_key(owner, f"{owner.pk}-{label}".ljust(64, "0"), label=label) for owner in owners for label in USES]
    keys += [make_key(owner, f"{owner.pk}-c".ljust(64, "0"), label="course") for owner in others]
    models = [
        UsedModel.objects.get_or_create(name=name, defaults={"provider": provider_of(name), "colour": colour})[0]
        for colour, name in enumerate(MODELS, 1)
    ]
    token_refs = [token_ref_of(key) for key in keys]
    for place, token_ref in enumerate(token_refs):
        Fact.objects.bulk_create(
            Fact(day=day(ago), token_ref=token_ref, model=model, **use_of_day(place, ago, column))
            for ago in range(place % 7, days, 1 + place % 3)
            for column, model in enumerate(models)
            if (place + ago + column) % 3
        )
    settle()


def use_of_day(place: int, ago: int, column: int) -> dict[str, Any]:
    """Return what a key used on a day: always the same, less at the end of a week, more of the first models."""
    requests = (7 + (place * 5 + ago * 11 + column * 3) % 17) * (1 if day(ago).weekday() < 5 else 0) + 1
    cents = Decimal(requests * (4 - column)) / 100
    failed = 1 if (place + ago) % 9 == 0 else 0
    tokens = {"prompt_tokens": 820 * requests, "completion_tokens": 310 * requests}
    return {
        "spend_usd": cents,
        "ok_requests": requests,
        "failed_requests": failed,
        "response_ms": 1400 * requests,
        **tokens,
    }
