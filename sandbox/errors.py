"""The gateway's refusals: a status and LiteLLM's body."""

from collections.abc import Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Headers: TypeAlias = Mapping[str, str]


class RefusalError(Exception):
    """End the call with this response."""

    def __init__(self, status: int, body: object, headers: Headers | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers: dict[str, str] = dict(headers or {})

    def response(self) -> Response:
        """Build the response."""
        return JSONResponse(self.body, status_code=self.status, headers=self.headers)


def error(status: int, message: str, kind: str | None, param: str | None = None, **more: object) -> RefusalError:
    """Build the refusal with an `error` object; `kind` is its `type`."""
    body = {"message": message, "type": kind, "param": param, "code": str(status), **more}
    return RefusalError(status, {"error": body})


def wrapped(status: int, message: str, param: str | None = None, kind: str = "internal_server_error") -> RefusalError:
    """Build the refusal whose message is a printed dictionary, as in many management routes."""
    return error(status, str({"error": message}), kind, param)


def detail(status: int, content: object) -> RefusalError:
    """Build the refusal of FastAPI itself, without an `error` object."""
    return RefusalError(status, {"detail": content})


def invalid(kind: str, loc: list[str | int], message: str) -> RefusalError:
    """Build the 422 of a field with a wrong type."""
    return detail(422, [{"type": kind, "loc": loc, "msg": message}])


async def answer_refusal(request: Request, exc: Exception) -> Response:
    """Turn a RefusalError raised in a view into its response."""
    if not isinstance(exc, RefusalError):
        raise exc
    return exc.response()


def unknown_team(team_id: str) -> RefusalError:
    """Build the refusal of a key whose team is missing."""
    message = f"Team doesn't exist in db. Team={team_id}. Create team via `/team/new` call."
    return error(404, str({"error": message}), "auth_error", "None")
