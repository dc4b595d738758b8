"""The end of a key holds: nothing renews it past its intern's stay or the present policy."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import User
from keys import services
from keys.models import Key
from tests.factories import change_policies, make_policy, make_user
from tests.keys.actions import BY_TEST, again, ending_in, issue, live_token
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox


def refusal_of(key: Key) -> str:
    """Return why the key is not renewed."""
    with pytest.raises(services.KeyRefused) as refusal:
        services.renew_key(key=again(key), actor=BY_TEST)
    return refusal.value.code


@pytest.mark.parametrize("days", [1, 2, 6, 7, 9])
def test_a_short_key_is_not_renewable_at_once(sandbox: Sandbox, client: Client, db: None, days: int) -> None:
    make_policy("Guests", temporary__lifetime_days=days)
    owner = make_user(groups=("Guests",))
    key = issue(owner).key
    client.force_login(owner)

    listed = client.get("/")

    assert "Active" in words_of(listed)
    assert f"/keys/{key.pk}/renew/" not in listed.content.decode()
    assert refusal_of(key) == "too_early"
    assert services.remind_owners() == 0
    assert not mail.outbox


def test_a_short_key_is_renewable_once_half_of_its_life_is_over(sandbox: Sandbox, db: None) -> None:
    make_policy("Guests", temporary__lifetime_days=6)
    key = issue(make_user(groups=("Guests",))).key
    Key.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=6, minutes=5))

    services.renew_key(key=again(key), actor=BY_TEST)

    assert refusal_of(key) == "too_early"  # its new life has only begun


@pytest.mark.parametrize("stays_days", [0, 2, 5])
def test_a_key_that_ends_with_the_stay_is_not_renewed_past_it(
    staff: User, as_staff: Client, sandbox: Sandbox, stays_days: int
) -> None:
    last_day = timezone.localdate() + timedelta(days=stays_days)
    key = issue(staff, intern_name="Intern B", stay_ends_on=last_day).key
    Key.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=20))

    page = as_staff.get("/")

    assert "at the end of the intern’s stay" in words_of(page)
    assert f"/keys/{key.pk}/renew/" not in page.content.decode()
    assert refusal_of(key) == "stay_over"
    assert timezone.localdate(again(key).expires_at) == last_day


@pytest.mark.parametrize(
    ("policy", "code"),
    [({"max_live_keys": 0}, "limit"), ({"may_name_interns": False}, "intern"), ({"max_live_keys": 1}, "limit")],
)
def test_is_not_renewed_where_the_policy_no_longer_allows_the_key(
    staff: User, sandbox: Sandbox, policy: dict[str, Any], code: str
) -> None:
    issue(staff, "another")
    key = ending_in(issue(staff, intern_name="Intern B").key, sandbox, days=2)
    change_policies(**policy)

    assert refusal_of(key) == code
    assert live_token(key)  # it works on until its end
    assert again(key).expires_at == key.expires_at


def test_a_policy_of_shorter_lives_counts_at_the_next_renewal(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=2)
    change_policies(temporary__lifetime_days=4)

    renewed = services.renew_key(key=key, actor=BY_TEST)

    assert renewed.expires_at is not None
    assert renewed.expires_at < datetime.now(UTC) + timedelta(days=4, minutes=1)
    assert refusal_of(key) == "too_early"
