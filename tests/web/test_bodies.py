"""The application gets only requests whose whole body has come."""

import io
from typing import Any

import pytest
from pytest_django import Settings

from web.bodies import IN_MEMORY_BYTES, read_body_first


class Application:
    """Keeps what it was called with."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.status = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        start_response("200 OK", [])
        return [b"done"]

    def call(self, body: bytes, **environ: str) -> bytes:
        """Return what is answered, and keep its status."""

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            self.status = status

        answer = read_body_first(self)({"wsgi.input": io.BytesIO(body), **environ}, start_response)
        return b"".join(answer)


@pytest.mark.parametrize("length", [1, IN_MEMORY_BYTES + 1])
def test_hands_on_the_whole_body(length: int) -> None:
    application = Application()

    assert application.call(b"x" * length + b"GET /", CONTENT_LENGTH=str(length)) == b"done"
    assert application.call(b"y" * length, HTTP_TRANSFER_ENCODING="chunked") == b"done"
    assert application.bodies == [b"x" * length, b"y" * length]


@pytest.mark.parametrize(
    ("environ", "status", "words"),
    [
        ({"CONTENT_LENGTH": "2000"}, "413", "too large"),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, "413", "trop volumineux"),
        ({"CONTENT_LENGTH": "600"}, "400", "broke off"),
        ({"CONTENT_LENGTH": "-1"}, "400", "broke off"),
        ({"CONTENT_LENGTH": "\u0665"}, "400", "broke off"),
    ],
)
def test_refuses_others_in_plain_words(settings: Settings, environ: dict[str, str], status: str, words: str) -> None:
    settings.MAX_BODY_BYTES = 1000
    application = Application()
    language = "fr" if "trop" in words else "en"
    body = b"x" * (1100 if status == "413" else 500)

    assert words in application.call(body, HTTP_ACCEPT_LANGUAGE=language, **environ).decode()
    assert application.status.startswith(status)
    assert not application.bodies
