"""A process that is killed at any line of what is done with keys of nobody: each has one owner, or none."""

from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import pytest
from django.core import mail

from accounts.audit import Actor
from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import Key, KeyGift, Token, UnownedKey
from keys.services.person_budget import team_id_of
from tests.factories import change_policies
from tests.keys.crashes import killed_at_step
from tests.keys.test_unowned import found, give, make_outside, sweep_at_once
from tests.sandbox_process import Sandbox
from tests.tasks import waiting_tasks

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]

STEPS_AT_LEAST = {"give": 10, "block": 3, "delete": 3}  # fewer would mean that nothing was traced


@pytest.mark.timeout(300)
def test_several_are_given_whole_after_a_kill_at_any_step(staff: User, sandbox: Sandbox) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d", max_live_keys=None)

    def begin_and_finish() -> None:
        services.give_keys(unowned=rows, to=staff, actor=Actor(user=staff))
        services.finish_unowned()
        services.mail_gifts()

    for step in count(1):
        made = [token_of(make_outside(sandbox, f"{name} {step}")) for name in ("one", "two")]
        services.sync_keys()  # which also ends the keys of the step before
        rows = [UnownedKey.objects.get(token=token) for token in made]
        waiting_tasks()
        if not killed_at_step(step, begin_and_finish):
            break
        services.sync_keys()
        is_begun = KeyGift.objects.exists()
        is_mailed = KeyGift.objects.exclude(done_at=None).exists()
        sweep_at_once()
        KeyGift.objects.update(claimed_at=None)
        services.mail_gifts()

        of_staff = {row["token"] for row in sandbox.live_keys() if row["team_id"] == team_id_of(staff)}
        assert of_staff == ({row.token for row in rows} if is_begun else set()), step
        assert Key.objects.filter(owner=staff, pk__in=[row.pk for row in rows]).count() == len(of_staff)
        subjects = [message.subject.partition("] ")[2] for message in mail.outbox]
        assert subjects == (["2 more keys are yours now"] if is_begun and not is_mailed else []), step
        assert not KeyGift.objects.filter(done_at=None).exists()
        mail.outbox.clear()
        KeyGift.objects.all().delete()
        sandbox.call("POST", "/key/delete", body={"keys": made})
    assert step > 2 * STEPS_AT_LEAST["give"]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("action", ["give", "block", "delete"])
def test_is_repaired_after_a_kill_at_any_line(staff: User, sandbox: Sandbox, action: str) -> None:
    change_policies(person_budget_usd=Decimal(9), person_budget_period="30d", max_live_keys=None)
    actions = {"give": give, "block": services.block_unowned, "delete": services.delete_unowned}
    service: Any = actions[action]
    for step in count(1):
        secret, row = found(sandbox, f"step {step}")  # by a sync, which also ends the key of the step before
        to: dict[str, Any] = {"to": staff} if action == "give" else {}
        if not killed_at_step(step, partial(service, unowned=row, actor=Actor(user=staff), **to)):
            break
        services.sync_keys()  # before the sweep: it takes over nothing that is being given
        begun = UnownedKey.objects.exclude(intent="").exists()
        sweep_at_once()

        left = UnownedKey.objects.filter(token=row.token)
        assert not left.exclude(intent="").exists()
        if action == "give":
            assert left.exists() != Key.objects.filter(pk=row.pk, owner=staff, kind="personal").exists()
            assert not (begun and left.exists())
            there = next(each for each in sandbox.live_keys() if each["token"] == token_of(secret))
            wanted = ("somebody-else", None) if left.exists() else (staff.gateway_user_id, team_id_of(staff))
            assert (there["user_id"], there["team_id"]) == wanted
            assert Token.objects.filter(key=row.pk).exclude(in_team=True).count() == 0
        elif action == "block" and begun:
            assert left.get().blocked
        elif begun:
            assert not left.exists()
        assert not Key.objects.filter(kind="external").exists()
        sandbox.call("POST", "/key/delete", body={"keys": [row.token]})
    assert step > STEPS_AT_LEAST[action]
