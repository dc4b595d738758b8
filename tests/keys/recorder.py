"""A gateway that answers anything and records requests: to check what code really sends."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MESSAGE = {"role": "assistant", "content": "Hello."}
USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
CHOICE = {"index": 0, "finish_reason": "stop"}
ROWS = [{"object": "embedding", "index": index, "embedding": [0.25, 0.5, 0.75, 1.0]} for index in range(2)]
VERDICT = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.5}}
CHAT: dict[str, Any] = {"object": "chat.completion", "choices": [{**CHOICE, "message": MESSAGE}]}
ANSWERS: dict[str, dict[str, Any]] = {
    "chat/completions": CHAT,
    "completions": {"object": "text_completion", "choices": [{**CHOICE, "text": "Hello."}]},
    "embeddings": {"object": "list", "data": ROWS},
    "moderations": {"results": [VERDICT, VERDICT]},
    "images/generations": {"data": [{"b64_json": "UGljdHVyZQ=="}]},
    "audio/transcriptions": {"text": "Hello."},
}
SPEECH = b"Sound"


class Recorder(ThreadingHTTPServer):
    """Answers like a gateway, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Recording(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Recorder)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fields = json.loads(body) if self.headers["Content-Type"].startswith("application/json") else _form(body)
        self.server.asked.append((self.headers["Authorization"], fields))
        known = {"id": "1", "created": 1, "model": "m", "usage": USAGE}
        is_speech = self.path == "/v1/audio/speech"
        answer = SPEECH if is_speech else json.dumps({**known, **_answer(self.path, fields)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _form(body: bytes) -> dict[str, Any]:
    """Return the fields of multipart/form-data by their names, decoded."""
    parts = re.findall(rb'name="(\w+)".*?\r\n\r\n(.*?)\r\n--', body, re.DOTALL)
    return {name.decode(): value.decode() for name, value in parts}


def _answer(path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what belongs to this path, with as many choices as were asked for."""
    answer = ANSWERS[path.removeprefix("/v1/")]
    return {**answer, "choices": answer["choices"] * asked.get("n", 1)} if "choices" in answer else answer


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder on a free port."""
    with Recorder() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
