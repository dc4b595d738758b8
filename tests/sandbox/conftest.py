"""A sandbox without a portal, and helpers to call it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox_process import Sandbox


@pytest.fixture(scope="package")
def lone_sandbox_process() -> Iterator[Sandbox]:
    with Sandbox() as process:
        yield process


@pytest.fixture
def lone_sandbox(lone_sandbox_process: Sandbox) -> Sandbox:
    """Hand out an emptied sandbox that no portal knows of."""
    lone_sandbox_process.reset()
    return lone_sandbox_process


def make_key(sandbox: Sandbox, **settings: Any) -> str:
    """Make a key and return its secret."""
    answer = sandbox.call("POST", "/key/generate", body={"user_id": "somebody", **settings})
    assert answer.ok, answer.text
    secret: str = answer.json()["key"]
    return secret


def chat(sandbox: Sandbox, secret: str, content: str = "hello", **more: Any) -> Any:
    """Ask a model; more fields of the body by name, those of `requests` in `options`."""
    options = more.pop("options", {})
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **more}
    return sandbox.call("POST", "/v1/chat/completions", key=secret, body=body, **options)


def spend(sandbox: Sandbox) -> float:
    """Return the reported spend of the only key."""
    (key,) = sandbox.live_keys()
    return float(key["spend"])
