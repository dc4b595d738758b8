"""Generated usage of past days, for demonstrations."""

import hashlib
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.catalogue import MODELS, Model
from sandbox.ledger import Usage
from sandbox.state import State

_PEOPLE = 6
_CHATS = 24  # on a weekday, of each usual model
_USUAL_MODELS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageProfile:
    """A person's usage of models with one key."""

    user_id: str
    token: str
    models: tuple[Model, ...]
    chats: float  # of each model on a weekday, on average


def write_history(state: State) -> None:
    """Fill an empty database; the same seed gives the same usage. Its keys are deleted ones."""
    (known,) = state.database.execute("SELECT COUNT(*) FROM facts").fetchone()
    if known or not state.config.history_days:
        return
    profiles = [
        UsageProfile(
            user_id=f"older-user-{person + 1}",
            token=hashlib.sha256(f"older-key-{person + 1}".encode()).hexdigest(),
            models=_usual(person),
            chats=_CHATS * (0.3 + person / 3),
        )
        for person in range(_PEOPLE)
    ]
    write_profiles(state, profiles, days=state.config.history_days, seed=state.config.seed)


def write_profiles(state: State, profiles: list[UsageProfile], *, days: int, seed: int) -> None:
    """Generate the usage of so many days until yesterday; the same seed gives the same usage."""
    rng = random.Random(seed)  # noqa: S311  # plausible, not secret
    today = state.clock.now().date()
    for days_ago in range(days, 0, -1):
        day = today - timedelta(days=days_ago)
        quiet = 0.15 if day.weekday() >= 5 else 1.0
        usages = [usage for profile in profiles for usage in _day_of(profile, quiet, rng)]
        state.ledger.add_facts(day.isoformat(), usages)


def make_up_use(state: State, *, user_id: str, days: int, seed: int, chats: float = _CHATS) -> int:
    """Generate a history for the live keys of a user, unless they have one; return how many got it."""
    keys = [key for key in state.keys.all_live() if key.user_id == user_id and not _is_used(state, key.token)]
    profiles = [
        UsageProfile(user_id=user_id, token=key.token, models=_usual(seed + number), chats=chats / (number + 1))
        for number, key in enumerate(keys)
    ]
    write_profiles(state, profiles, days=days, seed=seed)
    return len(profiles)


def used(fact: dict[str, Any]) -> Usage:
    """Read one fact from a test; TypeError for an unknown or missing field."""
    model = MODELS.get(fact["model"])
    about = {"upstream": fact["model"], "provider": ""}
    if model is not None:
        about = {"upstream": model.upstream, "provider": model.provider}
    return Usage(**{"user_id": "", "endpoint": "/chat/completions", **about, **fact})


def _is_used(state: State, token: str) -> bool:
    found = state.database.execute("SELECT 1 FROM facts WHERE token = ? LIMIT 1", (token,)).fetchone()
    return found is not None


def _usual(person: int) -> tuple[Model, ...]:
    """Return a person's usual models; they differ between people."""
    return tuple(MODELS.values())[person % 4 : person % 4 + _USUAL_MODELS]


def _day_of(profile: UsageProfile, quiet: float, rng: random.Random) -> list[Usage]:
    """Generate one day: now and then nothing, on quiet days little."""
    if rng.random() > 0.35 + 0.65 * quiet:
        return []
    busy = profile.chats * quiet
    return [_use(profile, model, max(1, round(rng.expovariate(1 / busy))), rng) for model in profile.models]


def _use(profile: UsageProfile, model: Model, requests: int, rng: random.Random) -> Usage:
    failures = sum(rng.random() < 0.02 for _ in range(requests))
    prompt_tokens = (requests - failures) * rng.randint(80, 900)
    completion_tokens = (requests - failures) * rng.randint(60, 500) if model.mode == "chat" else 0
    return Usage(
        user_id=profile.user_id,
        token=profile.token,
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
