"""Answers of a real LiteLLM, trimmed to what a client reads, and how another answer is compared with them.

data/<group>.json holds, by name, `status`, `body` and the `headers` that must be there. In bodies, fields that are
missing from the record do not matter; `*` stands for any name; … in a text for what changes from call to call.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import requests

_DATA = Path(__file__).parent / "data"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3,6})?(Z|\+00:00)")
_EXACT = {
    "object",
    "role",
    "finish_reason",
    "type",
    "code",
    "status",
    "db",
    "key_type",
    "budget_duration",
    "loc",
    "mode",
}
_MESSAGES = {"message", "msg", "detail", "error", "param"}
Json = Any


@cache
def _group(name: str) -> dict[str, Json]:
    group: dict[str, Json] = json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))
    return group


def recorded(name: str) -> Json:
    """Return a record by `group.name`."""
    group, _, own = name.partition(".")
    return _group(group)[own]


def assert_like(answer: requests.Response, name: str) -> Json:
    """Hold an answer to a record in status, headers and body; return the body."""
    record = recorded(name)
    assert answer.status_code == record["status"], f"{answer.status_code}: {answer.text}"
    missing = set(record.get("headers", ())) - {header.lower() for header in answer.headers}
    assert not missing, f"headers missing: {missing}"
    body = answer.json()
    found = differences(record["body"], body)
    assert not found, "\n".join([*found, answer.text])
    return body


def differences(record: Json, reply: Json, where: str = "", name: str = "") -> list[str]:
    """Name what the record has and the answer lacks, or has otherwise."""
    if record is None or reply is None or isinstance(record, bool) or isinstance(reply, bool):
        same = type(record) is type(reply)
    elif isinstance(record, dict) and isinstance(reply, dict):
        return _in_fields(record, reply, where)
    elif isinstance(record, list) and isinstance(reply, list):
        return _in_items(record, reply, where, name)
    elif isinstance(record, str) and isinstance(reply, str):
        same = _same_text(record, reply, name)
    else:
        same = isinstance(record, int | float) and isinstance(reply, int | float)
    return [] if same else [f"{where}: recorded {record!r}, replied {reply!r}"]


def _in_fields(record: dict[str, Json], reply: dict[str, Json], where: str) -> list[str]:
    found = []
    for name, value in record.items():
        if name == "*":
            found += [] if reply else [f"{where}: nothing in it"]
            found += [line for key, inner in reply.items() for line in differences(value, inner, f"{where}.{key}")]
        elif name not in reply:
            found.append(f"{where}.{name}: missing")
        else:
            found += differences(value, reply[name], f"{where}.{name}", name)
    return found


def _in_items(record: list[Json], reply: list[Json], where: str, name: str) -> list[str]:
    if bool(record) != bool(reply) or (name in _EXACT and len(record) != len(reply)):
        return [f"{where}: recorded {record!r}, replied {reply!r}"]
    return [line for one, other in zip(record, reply, strict=False) for line in differences(one, other, where, name)]


def _same_text(record: str, reply: str, name: str) -> bool:
    if name in _EXACT:
        return record == reply
    if name in _MESSAGES or "…" in record:
        return re.fullmatch(".*".join(map(re.escape, record.split("…"))), reply, re.DOTALL) is not None
    moment = _MOMENT.fullmatch(record)
    if moment is None:
        return True
    other = _MOMENT.fullmatch(reply)
    return other is not None and other[1] == moment[1]
