"""Calls to the portal's API, and the failures that end the command."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

from passerelle_cli import store
from passerelle_cli.words import language, say

TIMEOUT_S: Final = 60
SCOPES: Final = "keys:read keys:write usage:read models:read"
GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:device_code"
REFUSED, WRONG_USE, NOT_SIGNED_IN, NO_ANSWER = 1, 2, 3, 4


class Failure(Exception):
    """The command cannot go on; `code` is how it exits."""

    def __init__(self, words: str, code: int = REFUSED) -> None:
        super().__init__(words)
        self.code = code


class Portal:
    """The API of a portal, with an access token."""

    def __init__(self, credentials: store.Credentials) -> None:
        self.url = credentials.url
        check_address(self.url)
        check_secret(credentials.token)
        headers = {"Authorization": f"Bearer {credentials.token}", "Accept-Language": language()}
        self._client = httpx.Client(base_url=f"{credentials.url}/api/v1", headers=headers, timeout=TIMEOUT_S)

    def call(self, method: str, path: str, json: Any = None, **headers: str) -> Any:
        """Return the answer of the API; None where it is empty. Raises Failure."""
        try:
            answer = self._client.request(method, path, json=json, headers=headers)
            if answer.is_success:
                return answer.json() if answer.content else None
        except (httpx.HTTPError, ValueError) as error:
            raise Failure(say("%s does not answer: %s", self.url, error), NO_ANSWER) from error
        raise Failure(_words_of(answer), NOT_SIGNED_IN if answer.status_code == 401 else REFUSED)

    def each(self, path: str) -> Iterator[Any]:
        """Yield the items of all pages of a list."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.call("GET", f"{path}?limit=100&cursor={cursor}")
            yield from page["items"]
            cursor = page["next_cursor"]


def signed_in() -> Portal:
    """Return the portal of the last sign-in, or of the environment. Raises Failure."""
    credentials = store.load()
    if credentials is None:
        raise Failure(say("Not signed in. Run: passerelle-cli login URL"), NOT_SIGNED_IN)
    return Portal(credentials)


def sign_in(url: str, name: str, show: Callable[[str, str], None]) -> store.Credentials:
    """Wait until a person confirms the code, which `show` gets with the page; return the token. Raises Failure."""
    check_address(url)
    begun = _post(f"{url}/api/device/authorize/", {"client_id": "passerelle-cli", "client_name": name, "scope": SCOPES})
    if "device_code" not in begun:
        raise Failure(begun.get("error_description") or begun.get("error", ""))
    show(begun["verification_uri_complete"], begun["user_code"])
    wait_s, ends = begun["interval"], time.monotonic() + begun["expires_in"]
    asked = {"grant_type": GRANT_TYPE, "device_code": begun["device_code"], "client_id": "passerelle-cli"}
    while time.monotonic() < ends:
        time.sleep(wait_s)
        answer = _post(f"{url}/api/device/token/", asked)
        if "access_token" in answer:
            return store.Credentials(url, answer["access_token"])
        if answer.get("error") == "slow_down":
            wait_s += 5
        elif answer.get("error") == "access_denied":
            raise Failure(answer.get("error_description") or say("The sign-in was refused."))
        elif answer.get("error") != "authorization_pending":
            break
    raise Failure(say("Nobody confirmed the code in time."))


def check_address(url: str) -> None:
    """Refuse an address to which a token would travel in the clear, or which is none."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Failure(say("%s is no address of a portal: it begins with https://", url), WRONG_USE) from error
    is_local = parts.scheme == "http" and parts.host in ("localhost", "127.0.0.1", "::1")
    if not parts.host or not (is_local or parts.scheme == "https"):
        raise Failure(say("%s is no address of a portal: it begins with https://", url), WRONG_USE)


def check_secret(secret: str) -> None:
    """Refuse a text that cannot be in a header: the error of the HTTP client would show it."""
    if not (secret.isascii() and secret.isprintable()):
        raise Failure(say("The secret in the environment has characters that no secret has."), WRONG_USE)


def _post(url: str, data: dict[str, str]) -> Any:
    try:
        answer = httpx.post(url, data=data, headers={"Accept-Language": language()}, timeout=TIMEOUT_S)
        return answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Failure(say("%s does not answer: %s", url, error), NO_ANSWER) from error


def _words_of(answer: httpx.Response) -> str:
    """Return what the portal says, with the fields that are wrong."""
    try:
        problem = answer.json()
        fields = [f"{each['field']}: {each['message']}" for each in problem.get("errors", [])]
        return "\n".join([problem["detail"], *fields])
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{answer.status_code} {answer.reason_phrase}"
