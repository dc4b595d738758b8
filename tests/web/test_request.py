"""The client address of a request, behind proxies that are counted rightly or wrongly."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from web import request as web_request
from web.request import client_address

ADDRESSES = [  # trusted proxies, X-Forwarded-For, address
    (0, "", "127.0.0.1"),
    (0, "10.0.0.1", "127.0.0.1"),
    (1, "10.0.0.1", "10.0.0.1"),
    (1, "6.6.6.6, 10.0.0.1", "10.0.0.1"),
    (1, "", None),  # past the proxy, or one that sets no header
    (2, "10.0.0.1", None),  # one proxy only: it may be what the browser itself wrote
    (2, "6.6.6.6, 10.0.0.1, 10.0.0.9", "10.0.0.1"),
    (1, "unknown", None),
]


@pytest.mark.parametrize(("count", "forwarded", "address"), ADDRESSES)
def test_ignores_a_forwarded_address_of_the_browser(
    rf: RequestFactory, settings: Settings, count: int, forwarded: str, address: str | None
) -> None:
    settings.TRUSTED_PROXY_COUNT = count

    assert client_address(rf.get("/", headers={"X-Forwarded-For": forwarded} if forwarded else {})) == address


@pytest.mark.parametrize(("count", "forwarded"), [(2, "10.0.0.1"), (1, ""), (0, "10.0.0.1")])
def test_warns_once_of_a_wrong_number_of_proxies(
    rf: RequestFactory, settings: Settings, caplog: pytest.LogCaptureFixture, count: int, forwarded: str
) -> None:
    web_request._warned_at.clear()
    settings.TRUSTED_PROXY_COUNT = count

    for _request in range(3):
        client_address(rf.get("/", headers={"X-Forwarded-For": forwarded}))

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "TRUSTED_PROXY_COUNT" in caplog.text
    assert "10.0.0.1" not in caplog.text
