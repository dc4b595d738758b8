"""Two first sign-ins of one person at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from accounts.identity_providers import Cas
from accounts.models import User
from tests.accounts.cas_server import running
from tests.accounts.test_cas import to_the_server
from tests.waiting import wait_until, waiting_for_locks


@pytest.mark.only_on("postgresql")
@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_once_make_one_account(settings: Settings) -> None:
    """One is held up where it has written the person, and not yet whom the provider means."""
    with running() as cas:
        settings.IDENTITY_PROVIDERS = [Cas(id="cas", server=cas.url)]
        cas.user, cas.attributes = "ada", {"mail": ["ada@example.edu"]}
        clients = [Client(), Client()]
        backs = [to_the_server(client) for client in clients]
        with ThreadPoolExecutor(2) as pool:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("LOCK TABLE socialaccount_socialaccount IN SHARE MODE")
                answers = [pool.submit(_sign_in, *each) for each in zip(clients, backs, strict=True)]
                wait_until(lambda: waiting_for_locks() == 2)
            assert [answer.result() for answer in answers] == [302, 302]

    assert User.objects.count() == SocialAccount.objects.count() == 1


def _sign_in(client: Client, back: str) -> int:
    try:
        return client.get(back).status_code
    finally:
        connections.close_all()
