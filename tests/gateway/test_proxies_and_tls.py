"""Custom certificate authorities and outgoing proxies."""

from pathlib import Path

import pytest
from pytest_django import Settings

from gateway.client import Gateway
from gateway.diagnostics import examine
from gateway.django import get_gateway
from gateway.errors import GatewayUnavailable
from gateway.inference_types import ChatRequest
from tests.gateway.conftest import ADMIN_KEY, SECRET
from tests.gateway.stub import StubGateway, says, silence
from tests.gateway.test_keys import TOKEN
from tests.gateway.test_streams import WAIT_S, start

NAMES = says({"data": [{"id": "m"}]})
ELSEWHERE = "http://gateway.example.edu"  # only the proxy could know where that is


def test_a_gateway_with_a_certificate_of_the_institution_is_reached(
    secure_stub: StubGateway, certificate: Path, settings: Settings
) -> None:
    settings.GATEWAY_URL, settings.GATEWAY_CA_FILE = secure_stub.url, str(certificate)
    secure_stub.will(NAMES)

    assert get_gateway().models.names() == ("m",)


def test_an_untrusted_certificate_is_reported_with_the_setting(secure_stub: StubGateway) -> None:
    [finding] = examine(Gateway(secure_stub.url, ADMIN_KEY, retry_pauses_s=()))

    assert "GATEWAY_CA_FILE" in finding.advice


def test_calls_go_through_the_proxy_that_the_settings_name(stub: StubGateway, settings: Settings) -> None:
    settings.GATEWAY_URL, settings.GATEWAY_PROXY_URL = ELSEWHERE, stub.url
    stub.will(NAMES)

    assert get_gateway().models.names() == ("m",)
    assert stub.last.headers["host"] == "gateway.example.edu"


def test_an_answer_that_comes_through_a_proxy_can_be_stopped(stub: StubGateway) -> None:
    gateway = Gateway(ELSEWHERE, ADMIN_KEY, proxy_url=stub.url)
    stub.will(silence())

    start(gateway.inference.stream_chat(secret=SECRET, body=ChatRequest(model="m", messages=[])))

    assert stub.last.headers["host"] == "gateway.example.edu"
    assert stub.released.wait(WAIT_S)


@pytest.mark.parametrize("address", ["https://gateway.example.edu", ELSEWHERE])
def test_a_proxy_that_refuses_an_answer_is_reported(stub: StubGateway, address: str) -> None:
    proxy_url = stub.url if address.startswith("https:") else "http://127.0.0.1:1"
    gateway = Gateway(address, ADMIN_KEY, proxy_url=proxy_url)

    with pytest.raises(GatewayUnavailable, match="proxy") as failure:
        start(gateway.inference.stream_chat(secret=SECRET, body=ChatRequest(model="m", messages=[])))

    assert not failure.value.may_have_happened


@pytest.mark.parametrize("address", ["https://gateway.example.edu", ELSEWHERE])
def test_a_proxy_that_refuses_is_reported_with_the_setting(stub: StubGateway, address: str) -> None:
    proxy_url = stub.url if address.startswith("https:") else "http://127.0.0.1:1"  # no CONNECT there; nobody there
    gateway = Gateway(address, ADMIN_KEY, proxy_url=proxy_url, retry_pauses_s=())

    with pytest.raises(GatewayUnavailable, match="proxy") as failure:
        gateway.keys.delete([TOKEN])

    assert not failure.value.may_have_happened
    assert "GATEWAY_PROXY_URL" in next(examine(gateway)).advice
