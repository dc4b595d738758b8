"""The same load straight to the gateway: one key for each stream, of the kind that the portal creates."""

import json
from typing import Final
from urllib.parse import urlsplit

from bench.stream_client import Ask
from bench.stream_people import MODEL, question
from bench.stream_reading import GATEWAY
from tests.sandbox_process import Sandbox

_KEY: Final = {"key_type": "llm_api", "duration": "30d", "max_budget": 2, "budget_duration": "30d"}


def make_secrets(sandbox: Sandbox, count: int) -> list[str]:
    """Create so many keys."""
    bodies = [{**_KEY, "user_id": f"bench-{n}", "key_alias": f"bench-{n}"} for n in range(count)]
    return [sandbox.call("POST", "/key/generate", body=body).json()["key"] for body in bodies]


def direct_ask(sandbox: Sandbox, secret: str, tokens: int, pace_ms: int = 20) -> Ask:
    """Return the POST that the portal makes too."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": question(tokens, pace_ms)}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    content = json.dumps(body).encode()
    port = urlsplit(sandbox.origin).port or 0
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Authorization": f"Bearer {secret}",
        "Content-Type": "application/json",
        "Content-Length": str(len(content)),
        "Connection": "close",
    }
    lines = ["POST /v1/chat/completions HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return Ask(port=port, request="\r\n".join(lines).encode() + content, side=GATEWAY, tokens=tokens)
