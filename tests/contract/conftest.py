"""The gateways of contract tests: the sandbox always, a real one if the environment names it."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.sandbox_process import Sandbox

_CALL_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    secret: str
    token: str
    answer: dict[str, Any]


class ContractGateway:
    """A gateway, with an own person and the keys that a test makes there; both go at the end."""

    def __init__(self, url: str, admin_key: str) -> None:
        self.url = url
        self.admin_key = admin_key
        self.tag = secrets.token_hex(4)
        self.user_id = f"contract-{self.tag}"
        self._session = requests.Session()
        self._session.trust_env = False
        self._tokens: list[str] = []

    def call(
        self, method: str, path: str, *, key: str | None = None, body: Any = None, headers: Any = None, **more: Any
    ) -> requests.Response:
        """Ask as admin unless a key is given; `headers` replace the usual authorization."""
        if headers is None:
            headers = {"authorization": f"Bearer {self.admin_key if key is None else key}"}
        return self._session.request(method, self.url + path, headers=headers, json=body, timeout=_CALL_S, **more)

    def generate(self, **settings: Any) -> requests.Response:
        """Ask for a key of the test's own person."""
        answer = self.call("POST", "/key/generate", body={"user_id": self.user_id, **settings})
        if answer.ok:
            self._tokens.append(answer.json()["token"])
        return answer

    def key(self, **settings: Any) -> IssuedKey:
        """Make a key."""
        body = self.generate(**settings).json()
        secret = body["key"]
        return IssuedKey(secret=secret, token=hashlib.sha256(secret.encode()).hexdigest(), answer=body)

    def chat(self, secret: str, content: str = "hello gateway", **more: Any) -> requests.Response:
        """Ask a model with a key."""
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **more}
        return self.call("POST", "/v1/chat/completions", key=secret, body=body)

    def clean(self) -> None:
        """Delete what was made."""
        if self._tokens:
            self.call("POST", "/key/delete", body={"keys": self._tokens})
        self.call("POST", "/user/delete", body={"user_ids": [self.user_id]})  # 404 if the test made none
        self.call("POST", "/team/delete", body={"team_ids": [f"team-{self.tag}"]})
        self._session.close()


@pytest.fixture(scope="module")
def contract_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as process:
        yield process


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.real_gateway)])
def contract_gateway(request: pytest.FixtureRequest) -> Iterator[ContractGateway]:
    if request.param == "real":
        gateway = ContractGateway(os.environ["REAL_GATEWAY_URL"], os.environ["REAL_GATEWAY_ADMIN_KEY"])
    else:
        process: Sandbox = request.getfixturevalue("contract_sandbox")
        gateway = ContractGateway(process.url, process.admin_key)
    yield gateway
    gateway.clean()
