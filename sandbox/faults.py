"""Faults that tests switch on: the next calls of a path fail in one way. KINDS need no more than a path."""

from dataclasses import dataclass, fields
from typing import Any

KINDS = (
    "delay",  # answers after `seconds`
    "error",  # answers with `status`; no work done
    "drop_before",  # connection aborted; no work done
    "drop_after",  # connection aborted; work done
    "hang_before",  # silent for `seconds`, then aborted; no work done
    "hang_after",  # silent for `seconds`, then aborted; work done
    "truncated_json",  # work done, half of the response as if it were complete
    "cut_body",  # work done, half of the answer, then the connection closed
    "html",  # an error page of a proxy instead of JSON; no work done
    # after `after_chunks` chunks of a stream:
    "stream_cut",  # connection closed
    "stream_reset",  # connection aborted
    "stream_silent",  # nothing more for `seconds`, then the connection closed
    "stream_pause",  # nothing for `seconds`, then the rest
    "stream_end",  # ended, as if it were complete, but without [DONE]
    "stream_garbage",  # half an event as if it were complete, then the end
    "stream_html",  # an error page of a proxy, then the end
    "stream_error",  # an error event with `status`, then the end
)


ODD = "odd"  # work done, `patch` applied to the response: invalid rows among valid ones


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault: let `skip` calls of `path` pass, then fail `times`. `*` stands for every path of the gateway."""

    path: str
    kind: str
    times: int = 1
    skip: int = 0
    status: int | None = None
    seconds: float = 30.0
    after_chunks: int = 3
    retry_after: int | None = None
    patch: Any = None
    hits: int = 0
    waiting: int = 0


def parse(body: dict[str, Any]) -> Fault:
    """Build a fault from JSON; ValueError names the problem."""
    known = {field.name for field in fields(Fault)} - {"hits", "waiting"}
    if unknown := set(body) - known:
        raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
    if body.get("kind") not in (*KINDS, ODD):
        raise ValueError(f"kind must be one of: {', '.join((*KINDS, ODD))}")
    if not str(body.get("path", "")).startswith(("/", "*")):
        raise ValueError("path must start with a slash, or be *")
    return Fault(**{**body, "path": plain(body["path"])})


def plain(path: str) -> str:
    """Return a path without /v1, since the gateway answers under both."""
    return path.removeprefix("/v1")


class Faults:
    """The armed faults, in order of arrival."""

    def __init__(self) -> None:
        self.orders: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        self.orders.append(fault)

    def clear(self) -> None:
        """Disarm all."""
        self.orders.clear()

    def take(self, path: str) -> Fault | None:
        """Return the fault for this call, and count it."""
        armed = (fault for fault in self.orders if fault.path in ("*", path) and fault.hits < fault.times)
        fault = next(armed, None)
        if fault is None:
            return None
        if fault.skip:
            fault.skip -= 1
            return None
        fault.hits += 1
        return fault
