"""The data set of all benches: 2,000 people, 10,000 keys, 20 models. Knows nothing of Django.

BENCH_PEOPLE and BENCH_KEYS are other sizes: those of bench/large.py.
"""

import hashlib
import os
from typing import Final

PEOPLE: Final = int(os.environ.get("BENCH_PEOPLE", 2_000))
KEYS: Final = int(os.environ.get("BENCH_KEYS", 10_000))
MODELS: Final = 20
DAYS: Final = 50  # over which up to a million facts are spread, ending today
MOST_IN_FEW_DAYS: Final = 1_000_000  # two models of each of 10,000 keys on each day
LONG_DAYS: Final = 400  # over which more are spread: as far as the first poll reads back
MOST_FACTS_A_LONG_DAY: Final = MODELS * KEYS


def token_of(key: int) -> str:
    """Return the gateway's name of a key."""
    return hashlib.sha256(f"bench-key-{key}".encode()).hexdigest()


# A fact is a number i: its day so many ago, its key, its model; no two have all three in common. The numbers are chosen
# that few facts name the same people, and twenty thousand a day each key twice.
SLOT: Final = "i % {a_day}"
DAYS_AGO: Final = "i / {a_day}"
KEY: Final = f"(({SLOT}) * 7919) % {KEYS}"
MODEL: Final = f"(({SLOT}) * 7919 + ({SLOT}) / {KEYS} + {DAYS_AGO}) % {MODELS}"
MEASURES: Final = {  # column: SQL over i
    "spend_usd": "(i * 7919 % 1000003) * 100000",  # 10⁻¹² USD, ten cents at most
    "prompt_tokens": "i % 4001 * 10",
    "completion_tokens": "i % 1009 * 5",
    "cache_read_tokens": "i % 97",
    "cache_creation_tokens": "i % 13",
    "ok_requests": "1 + i % 40",
    "failed_requests": "i % 3",
    "response_ms": "(1 + i % 40) * 900",
}
NUMBERS: Final = (
    "WITH RECURSIVE numbers(i) AS (SELECT CAST({first} AS bigint) "
    "UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < {end})"
)


def facts_a_day(facts: int) -> int:
    """Return how many facts each day has."""
    if not DAYS <= facts <= LONG_DAYS * MOST_FACTS_A_LONG_DAY:
        raise ValueError(f"{DAYS} to {LONG_DAYS * MOST_FACTS_A_LONG_DAY} facts, not {facts}")
    return facts // (DAYS if facts <= MOST_IN_FEW_DAYS else LONG_DAYS)
