"""The real gateway's own answer to the query of Everyone, over the same facts. Limited, and cleaned up afterwards."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Final

import psycopg
import requests

from bench.dataset import DAYS_AGO, KEY, MEASURES, MODEL, NUMBERS, facts_a_day

URL: Final = os.environ.get("REAL_GATEWAY_URL", "http://127.0.0.1:4000")
ADMIN_KEY: Final = os.environ.get("REAL_GATEWAY_ADMIN_KEY", "sk-1234")
DATABASE: Final = os.environ.get("REAL_GATEWAY_DATABASE", "postgresql://litellm@127.0.0.1:54329/litellm")
PREFIX: Final = "passerelle-bench-person-"  # prefix of the user ids of our rows
LAST_DAY: Final = date(2001, 6, 30)  # long ago, so that no poll of this gateway reads our rows
DAYS: Final = 30
ANSWER_S: Final = 120.0
_DELETE = 'DELETE FROM "LiteLLM_DailyUserSpend" WHERE starts_with(user_id, %s)'


def is_there() -> bool:
    """Say whether gateway and database answer."""
    try:
        psycopg.connect(DATABASE, connect_timeout=3).close()
        return requests.get(f"{URL}/health/liveliness", timeout=5).ok
    except (psycopg.OperationalError, requests.RequestException):
        return False


@contextmanager
def loaded(facts: int) -> Iterator[int]:
    """Insert the facts of the last 30 days of `facts` into the gateway's table; yield their number."""
    rows = facts_a_day(facts) * DAYS
    with psycopg.connect(DATABASE, autocommit=True) as connection:
        connection.execute(_DELETE, [PREFIX])  # left by a killed run
        try:
            connection.execute(_insert(facts, rows), [PREFIX, LAST_DAY])
            connection.execute('ANALYZE "LiteLLM_DailyUserSpend"')
            yield rows
        finally:
            connection.execute(_DELETE, [PREFIX])
            connection.execute('VACUUM ANALYZE "LiteLLM_DailyUserSpend"')


def _insert(facts: int, rows: int) -> str:
    """Return the statement that computes rows from the numbers of facts, as filling.py does."""
    a_day = facts_a_day(facts)
    key, model, ago = (each.format(a_day=a_day) for each in (KEY, MODEL, DAYS_AGO))
    columns = {
        "id": "'passerelle-bench-' || i",
        "user_id": f"%s || ({key}) %% 2000",
        "date": f"(%s::date - ({ago})::int)::text",
        "api_key": f"encode(sha256(('bench-key-' || ({key}))::bytea), 'hex')",
        "model": f"'model-' || ({model})",
        "model_group": f"'model-' || ({model})",
        "custom_llm_provider": "'openai'",
        "endpoint": "'/chat/completions'",
        "spend": f"({MEASURES['spend_usd']}) / 1e12",
        "prompt_tokens": MEASURES["prompt_tokens"],
        "completion_tokens": MEASURES["completion_tokens"],
        "cache_read_input_tokens": MEASURES["cache_read_tokens"],
        "cache_creation_input_tokens": MEASURES["cache_creation_tokens"],
        "successful_requests": MEASURES["ok_requests"],
        "failed_requests": MEASURES["failed_requests"],
        "api_requests": f"{MEASURES['ok_requests']} + {MEASURES['failed_requests']}",
        "total_response_time_ms": MEASURES["response_ms"],
        "timed_requests": MEASURES["ok_requests"],
        "updated_at": "now()",
    }
    values = ", ".join(columns.values()).replace("%%", "%").replace("%", "%%").replace("%%s", "%s")
    numbers = NUMBERS.format(first=0, end=rows)
    return f'INSERT INTO "LiteLLM_DailyUserSpend" ({", ".join(columns)}) {numbers} SELECT {values} FROM numbers'  # noqa: S608


def ask() -> tuple[float, float, float]:
    """Request the overview of 30 days; return milliseconds, megabytes, and the reported spend in USD."""
    query = {
        "start_date": (LAST_DAY - timedelta(days=DAYS - 1)).isoformat(),
        "end_date": LAST_DAY.isoformat(),
    }
    began = time.perf_counter()
    answer = requests.get(
        f"{URL}/user/daily/activity/aggregated",
        params=query,
        headers={"Authorization": f"Bearer {ADMIN_KEY}"},
        timeout=ANSWER_S,
    )
    took_ms = (time.perf_counter() - began) * 1000
    answer.raise_for_status()
    return took_ms, len(answer.content) / 1e6, float(answer.json()["metadata"]["total_spend"])
