"""What is spent and left, by a gateway key at a real LiteLLM: after calls, a replacement, and a deletion there."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from tests.api.test_usage import with_key
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.real_gateway import RealGateway, real_gateway

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]


@pytest.fixture
def real(intern: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway."""
    with real_gateway(settings, intern) as gateway:
        yield gateway


def test_a_gateway_key_is_verified_there(real: RealGateway, intern: User) -> None:
    first, other = issue(intern), issue(intern, "other")
    second = services.rotate_key(key=again(first.key), actor=BY_TEST)
    assert real.chat(first.secret).ok

    for secret in (first.secret, second.secret):
        answer = with_key(secret)
        assert (answer.status_code, answer.json()["key"]["id"]) == (200, str(first.key.pk))
        assert answer.json()["left_usd"]
    real.call("POST", "/key/delete", body={"keys": [token_of(other.secret)]})

    assert with_key(other.secret).status_code == 401
    assert with_key("sk-" + "0" * 22).status_code == 401
