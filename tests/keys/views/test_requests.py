"""The page of a key: its spend by day, and its last requests from the gateway's log."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from keys.views.requests import KEPT_S
from tests.factories import change_policies
from tests.gateway.stub import StubGateway, says
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.views.pages import assert_not_found, assert_only, url_of, words_of
from tests.sandbox_process import Sandbox
from tests.usage.views.facts import used

pytestmark = pytest.mark.django_db
PROMPT = "a-prompt-that-nobody-may-read"


def chat(sandbox: Sandbox, secret: str, model: str = "gpt-4o-mini") -> int:
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 3}
    headers = {"authorization": f"Bearer {secret}"}
    return requests.post(f"{sandbox.url}/v1/chat/completions", json=body, headers=headers, timeout=20).status_code


def test_shows_the_requests_of_the_key_and_what_failed(
    as_intern: Client, intern: User, sandbox: Sandbox, way: dict[str, str]
) -> None:
    change_policies(all_models=False, model_names=["gpt-4o-mini"])
    fresh, other = issue(intern), issue(intern, "other")
    assert chat(sandbox, fresh.secret) == 200
    newer = services.rotate_key(key=again(fresh.key), actor=BY_TEST)
    assert chat(sandbox, newer.secret, "llama-70b") == 403
    assert chat(sandbox, other.secret) == 200

    answer = as_intern.get(url_of("requests", fresh.key), headers=way)

    shown = words_of(answer)
    assert answer.status_code == 200
    assert ("<html" in answer.content.decode()) != bool(way)
    assert shown.index("llama-70b") < shown.index("gpt-4o-mini")  # the newest first
    assert shown.count("succeeded") == 1
    assert shown.count("failed: model not allowed") == 1
    assert PROMPT not in answer.content.decode()
    assert "no-cache" in answer["Cache-Control"]
    assert f"keeps these for {KEPT_S} seconds" in words_of(as_intern.get("/privacy/"))
    assert url_of("requests", fresh.key) in as_intern.get(url_of("detail", fresh.key)).content.decode()


def test_says_when_there_is_no_log_none_or_no_answer(
    as_intern: Client, key: Key, stub: StubGateway, settings: Settings
) -> None:
    settings.GATEWAY_URL = stub.url
    address = url_of("requests", key)
    cases: list[tuple[Any, int, str]] = [
        (says({"detail": "Not Found"}, status=404), 200, "has no log of single requests"),
        (says({"error": {"message": "no"}}, status=500), 503, "could not be read"),
        (says({"data": [], "total_pages": 0}), 200, "log has no requests of the last 24 hours."),
    ]
    for reply, status, words in cases:
        stub.will(reply)
        answer = as_intern.get(address)
        assert answer.status_code == status
        assert words in words_of(answer)
    number = len(stub.asked)
    assert as_intern.get(address).status_code == 200
    assert len(stub.asked) == number  # the answer is kept for a moment


def test_says_that_the_log_is_probably_off_where_the_key_was_used(
    as_intern: Client, key: Key, sandbox: Sandbox
) -> None:
    today = timezone.now().date()
    Key.objects.filter(pk=key.pk).update(last_used_on=today - timedelta(days=1))  # perhaps more than 24 hours ago
    assert "log has no requests" in words_of(as_intern.get(url_of("requests", key)))

    Key.objects.filter(pk=key.pk).update(last_used_on=today + timedelta(days=1))  # today, also if midnight has passed

    assert "probably set to keep no log" in words_of(as_intern.get(url_of("requests", key)))


def test_is_of_own_keys_and_read_only(as_intern: Client, key: Key, foreign_key: Key, sandbox: Sandbox) -> None:
    assert_only(as_intern, url_of("requests", key), "get")
    assert_not_found(as_intern, foreign_key, "requests", sandbox, method="get")


def test_the_page_of_a_key_shows_spend_by_day_last_use_and_what_is_left(as_intern: Client, key: Key) -> None:
    Key.objects.filter(pk=key.pk).update(budget_period="1d")
    used(key, "1.25")
    used(key, "0.5", days_ago=3)

    page = as_intern.get(url_of("detail", key))

    shown = words_of(page).replace("\xa0", " ")
    assert "Last use today" in shown
    assert "3.75 of 5.00 USD left" in shown
    assert "1.75 USD" in shown
    assert page.content.decode().count('<rect class="c1"') == 30
    assert "1.25 USD</title>" in page.content.decode().replace("\xa0", " ")
    own = issue(key.owner, "lower", budget_usd=Decimal(2)).key
    other = words_of(as_intern.get(url_of("detail", own)))
    assert "Chosen for this key, within the policy." in other
    assert "Nothing was spent with it" in other
