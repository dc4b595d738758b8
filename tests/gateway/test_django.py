import os

import pytest
from pytest_django import Settings

from gateway.django import get_gateway


def test_one_client_a_process(settings: Settings) -> None:
    assert get_gateway() is get_gateway()


def test_another_client_when_the_settings_change(settings: Settings) -> None:
    before = get_gateway()

    settings.GATEWAY_URL = "http://127.0.0.1:1/prefix/"

    assert get_gateway() is not before
    assert get_gateway().base_url == "http://127.0.0.1:1/prefix"


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12: other tests may have threads left
def test_a_forked_process_makes_its_own_client() -> None:
    before = get_gateway()
    child = os.fork()
    if child == 0:
        os._exit(0 if get_gateway() is not before else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
