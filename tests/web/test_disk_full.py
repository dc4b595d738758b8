"""A full disk is reported as such: not as too many attempts, not as a bug or a mistake of the person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.backends.signals import connection_created
from django.test import Client

from tests.playground.streams import MODEL, know_the_models
from tests.sandbox_process import Sandbox
from web.cache import DatabaseCache
from web.outage import Outage, outage_behind

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let the database not grow by a single page, on this connection and on those that come."""

    def limit(connection: Any, **kwargs: object) -> None:
        connection.connection.execute(f"PRAGMA max_page_count = {pages}")

    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # nor use one that is free
        [pages] = cursor.execute("PRAGMA page_count").fetchone()
    limit(connection)
    connection_created.connect(limit)
    try:
        yield
    finally:
        connection_created.disconnect(limit)
        connection.close()


@pytest.mark.only_on("sqlite")  # whose limit of pages is set
def test_a_message_on_a_full_disk_is_answered_with_the_reason(as_intern: Client, sandbox: Sandbox) -> None:
    know_the_models()
    as_intern.raise_request_exception = False

    with full_disk():
        answer = as_intern.post(
            "/playground/send/", {"message": "x" * 90_000, "model": MODEL}, headers={"Accept-Language": "fr"}
        )

    assert answer.status_code == 507
    assert "Le disque du portail est plein" in answer.content.decode()


@pytest.mark.only_on("sqlite")  # whose limit of pages is set
def test_a_cache_that_cannot_write_does_not_say_that_somebody_was_faster() -> None:
    full = DatabaseCache("portal_cache", {})
    with full_disk(), pytest.raises(DatabaseError) as caught:
        full.add("usage:asked", "x" * 500_000)

    assert outage_behind(caught.value) is Outage.DISK


@pytest.mark.only_on("postgresql")
def test_a_full_disk_of_postgresql_is_reported() -> None:
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$")

    assert outage_behind(caught.value) is Outage.DISK
