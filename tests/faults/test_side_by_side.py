"""Web nodes of the last release run on the tables of the next one: pages, keys and streams work, old rows and new."""

from pathlib import Path
from typing import Final

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from accounts.models import User
from keys.models import Key
from playground.models import Answer
from tests.keys.views.pages import field_in
from tests.playground.portal_subprocess import PlaygroundSubprocess, StreamReader
from tests.playground.real_portal import ANSWER_TIMEOUT_S, Visitor, the_answer
from tests.playground.streams import know_the_models
from tests.portal.migration_trees import next_release
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
PAGES: Final = ("keys:index", "usage:index", "playground:index", "catalogue:index", "account_sign_ins")
ADDED: Final = """migrations.AddField("{model}", "room", models.CharField(max_length=20, db_default="")),
    migrations.AddField("{model}", "noted_at", models.DateTimeField(null=True)),
    migrations.AddIndex("{model}", models.Index(fields=["room"], name="next_{model}_room")),"""
NEXT: Final = {  # of the tables that the pages, a new key, a conversation and the trail write
    "accounts": ADDED.format(model="user") + ADDED.format(model="signin"),
    "keys": ADDED.format(model="key") + ADDED.format(model="token"),
    "playground": ADDED.format(model="conversation") + ADDED.format(model="answer"),
}


def test_old_nodes_serve_pages_keys_and_streams_on_the_next_releases_tables(
    intern: User, sandbox: Sandbox, tmp_path: Path
) -> None:
    know_the_models()
    with PlaygroundSubprocess(sandbox) as old, next_release(tmp_path, **NEXT):
        visitor = Visitor(old, intern)
        running = StreamReader(visitor.send("Count [count 40] [pace 100]"))
        running.until(lambda received: received.text != "")

        call_command("migrate", verbosity=0)

        statuses = {
            page: visitor.session.get(old.url + reverse(page), timeout=ANSWER_TIMEOUT_S).status_code for page in PAGES
        }
        running.read_all()
        first = the_answer()
        form = visitor.session.get(old.url, timeout=ANSWER_TIMEOUT_S).text
        made = visitor.session.post(
            old.url + reverse("keys:create"),
            data={
                "label": "thesis",
                "kind": "temporary",
                "request_id": field_in(form, "request_id"),
                "csrfmiddlewaretoken": field_in(form, "csrfmiddlewaretoken"),
            },
            timeout=ANSWER_TIMEOUT_S,
        )
        second = StreamReader(visitor.send("Count [count 5]"))
        second.read_all()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM keys_key WHERE room = '' AND noted_at IS NULL")
            keys_with_new_columns = cursor.fetchone()[0]

    assert set(statuses.values()) == {200}, statuses
    assert (first.state, first.text.split()[-1]) == (Answer.State.COMPLETE, "40")
    assert made.status_code == 201
    assert keys_with_new_columns == Key.objects.count() == 2  # with that of the Playground
    assert Answer.objects.exclude(pk=first.pk).get().state == Answer.State.COMPLETE
