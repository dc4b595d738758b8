"""Made-up use in the days before the sandbox first started, so that a demonstration has something to show."""

import hashlib
import random
from datetime import timedelta

from sandbox.catalogue import MODELS, Model
from sandbox.ledger import Usage
from sandbox.world import World

_PEOPLE = 6
_CHATS_ON_A_WEEKDAY = 24


def write_history(world: World) -> None:
    """Fill an empty database; the same seed gives the same use. The keys in it are gone, as old keys are."""
    (known,) = world.database.execute("SELECT COUNT(*) FROM facts").fetchone()
    if known or not world.config.history_days:
        return
    rng = random.Random(world.config.seed)  # noqa: S311  # plausible, not secret
    today = world.clock.now().date()
    for days_ago in range(world.config.history_days, 0, -1):
        day = today - timedelta(days=days_ago)
        quiet = 0.15 if day.weekday() >= 5 else 1.0
        usages = [usage for person in range(_PEOPLE) for usage in _day_of(person, quiet, rng)]
        world.ledger.add_facts(day.isoformat(), usages)


def _day_of(person: int, quiet: float, rng: random.Random) -> list[Usage]:
    """Make up one person's day: usual models for each, more for some people than for others."""
    if rng.random() > 0.35 + 0.65 * quiet:
        return []
    usual = list(MODELS.values())[person % 4 : person % 4 + 3]
    busy = _CHATS_ON_A_WEEKDAY * quiet * (0.3 + person / 3)
    return [_use(person, model, max(1, round(rng.expovariate(1 / busy))), rng) for model in usual]


def _use(person: int, model: Model, requests: int, rng: random.Random) -> Usage:
    failures = sum(rng.random() < 0.02 for _ in range(requests))
    prompt_tokens = (requests - failures) * rng.randint(80, 900)
    completion_tokens = (requests - failures) * rng.randint(60, 500) if model.mode == "chat" else 0
    return Usage(
        user_id=f"older-user-{person + 1}",
        token=hashlib.sha256(f"older-key-{person + 1}".encode()).hexdigest(),
        model=model.name,
        upstream=model.upstream,
        provider=model.provider,
        endpoint="/chat/completions" if model.mode == "chat" else f"/{model.mode}s",
        spend_pusd=model.cost_pusd(prompt_tokens, completion_tokens),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        successes=requests - failures,
        failures=failures,
        took_ms=(requests - failures) * rng.randint(400, 4000),
    )
