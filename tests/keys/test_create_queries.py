"""The queries of creating a key."""

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from keys.models import Key
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox


def test_making_a_key_asks_for_the_policy_once(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    issue(intern, "first")  # the gateway and the person's budget are known from then on

    with CaptureQueriesContext(connection) as queries:
        answer = as_intern.post(reverse("keys:create"), {"label": "thesis", "kind": Key.Kind.TEMPORARY})

    assert answer.status_code == 201
    asked = [query["sql"] for query in queries if 'FROM "accounts_keyrule"' in query["sql"]]
    assert len(asked) == 1
    assert len(queries) <= 27  # one asks which webhooks want to know
