"""What the tests of the playground have in common."""

import threading
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.waiting import wait_until


@pytest.fixture(scope="package", autouse=True)
def drafts_may_be_written(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let the thread that writes drafts go on when a test ends: where a stream took long, it waits for that end."""
    with django_db_blocker.unblock():
        yield
        wait_until(lambda: all(thread.name != "saver" for thread in threading.enumerate()), timeout_s=60)
