"""`make bench-poll`: poll a day of 10,000 keys × 5 models from the sandbox: new, unchanged, all changed."""

import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests

from bench.dataset import KEYS, PEOPLE, token_of
from bench.portal import Portal
from bench.results import Figure, at_most, report, seen
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis

MODELS: Final = ("general_nothink", "gpt-4o-mini", "claude-3-haiku", "llama-70b", "embedding")
MOST_S, MOST_MB = 15, 200
TELL_S: Final = 120.0


def tell(sandbox: Sandbox, *, requests_each: int) -> None:
    """Set today's usage at the sandbox."""
    facts = [
        {
            "user_id": f"bench-person-{key % PEOPLE}",
            "token": token_of(key),
            "model": model,
            "spend_pusd": 1_000_003 * (key + 1) * requests_each,
            "prompt_tokens": 100 * requests_each + key % 100,
            "completion_tokens": 40 * requests_each,
            "successes": requests_each,
            "took_ms": 900 * requests_each,
        }
        for key in range(KEYS)
        for model in MODELS
    ]
    answer = requests.post(
        f"{sandbox.origin}/sandbox/facts",
        json={"day": datetime.now(UTC).date().isoformat(), "facts": facts},
        headers={"Authorization": f"Bearer {sandbox.admin_key}"},
        timeout=TELL_S,
    )
    answer.raise_for_status()


def poll_thrice(kind: str, portal: Portal, sandbox: Sandbox) -> list[Figure]:
    """Poll the day when new, unchanged, and with every row changed; each in a process of its own."""
    rows = KEYS * len(MODELS)
    tell(sandbox, requests_each=3)
    first = portal.inside("poll")
    again = portal.inside("poll")
    tell(sandbox, requests_each=4)
    changed = portal.inside("poll")
    figures = [
        figure
        for name, report in (("first", first), ("again", again), ("changed", changed))
        for figure in _figures(f"poll of {rows:,} facts, {kind}, {name}", report)
    ]
    wrote = [("first", first, rows), ("again", again, 0), ("changed", changed, rows)]
    return figures + [
        Figure(
            name=f"poll of {rows:,} facts, {kind}, {name}: rows written",
            value=report["rows_written"],
            unit="",
            bar=f"= {expected:,}",
            ok=report["rows_written"] == expected and report["outcome"] == "done",
        )
        for name, report, expected in wrote
    ]


def _figures(name: str, report: dict[str, Any]) -> list[Figure]:
    return [
        at_most(name, report["own_s"], "s", MOST_S),
        at_most(f"{name}: peak memory", report["memory_mb"], "MB", MOST_MB),
        seen(f"{name}: the gateway's own time", report["gateway_s"], "s"),
    ]


def main() -> int:
    """Measure, print, save; 1 if a bar was missed."""
    with ExitStack() as stack:
        static_root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="passerelle-bench-")))
        sandbox = stack.enter_context(Sandbox())
        server, redis = stack.enter_context(Postgres()), stack.enter_context(Redis())
        shapes: dict[str, dict[str, Any]] = {
            "PostgreSQL": {"database_url": server.url, "redis_url": redis.url},
            "SQLite": {},
        }
        figures = []
        for kind, shape in shapes.items():
            portal = Portal(facts=0, static_root=static_root, gateway_url=sandbox.url, **shape)
            figures += poll_thrice(kind, stack.enter_context(portal), sandbox)
    return 0 if report(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
