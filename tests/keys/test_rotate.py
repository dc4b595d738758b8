"""Rotation: two secrets for the grace, then one; what a lost answer leaves."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.models import Key, Token
from keys.services.key_limits import limits_on
from tests.factories import make_policy, make_user
from tests.keys.actions import BY_TEST, again, assert_at_rest, ending_in, issue, live_token, set_at_gateway, works
from tests.sandbox_process import Sandbox


def end_grace(key: Key) -> None:
    """Let the grace of a rotation be over."""
    Token.objects.filter(key=key, state=Token.State.RETIRING).update(retires_at=timezone.now())


def test_both_secrets_work_until_the_grace_ends_and_then_only_the_new_one(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)

    new = services.rotate_key(key=again(old.key), actor=BY_TEST)
    assert new.key.pk == old.key.pk
    assert new.secret != old.secret
    assert works(sandbox, old.secret)
    assert works(sandbox, new.secret)
    services.sweep_keys()
    assert works(sandbox, old.secret)

    end_grace(old.key)
    services.sweep_keys()

    assert not works(sandbox, old.secret)
    assert works(sandbox, new.secret)
    assert_at_rest(sandbox)


def test_does_not_extend_the_expiry(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)

    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    assert old.key.expires_at is not None
    assert new.key.expires_at is not None
    assert abs(new.key.expires_at - old.key.expires_at) < timedelta(seconds=5)


def test_the_old_secret_works_on_where_the_gateway_does_not_keep_lifetimes(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    sandbox.shorten_lifetimes()

    with pytest.raises(services.KeyRefused, match="a different lifetime from the one requested"):
        services.rotate_key(key=again(old.key), actor=BY_TEST)

    assert works(sandbox, old.secret)
    assert len(sandbox.live_keys()) == 1
    assert_at_rest(sandbox)


def test_carries_over_what_was_spent_of_the_budget(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    set_at_gateway(sandbox, live_token(old.key), spend=4.25)

    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    spent = {row["token"]: Decimal(str(row["spend"])) for row in sandbox.live_keys()}
    assert spent[live_token(new.key)] == Decimal("4.25")


def test_keeps_the_grace_of_the_policy(sandbox: Sandbox, db: None) -> None:
    make_policy("Hasty", grace_hours=2)
    key = issue(make_user(groups=("Hasty",))).key

    services.rotate_key(key=again(key), actor=BY_TEST)

    old = again(key).retiring
    assert old is not None
    assert old.retires_at is not None
    assert abs(old.retires_at - timezone.now() - timedelta(hours=2)) < timedelta(minutes=1)


def test_the_old_secret_can_be_ended_at_once(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    services.end_old_secret(key=again(old.key), actor=BY_TEST)

    assert not works(sandbox, old.secret)
    assert works(sandbox, new.secret)


def test_refuses_a_second_rotation_during_the_grace(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    services.rotate_key(key=again(key), actor=BY_TEST)

    with pytest.raises(services.KeyRefused) as refusal:
        services.rotate_key(key=again(key), actor=BY_TEST)

    assert refusal.value.code == "replacing"
    assert len(sandbox.live_keys()) == 2


def test_refuses_an_expired_key(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    Key.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(days=1))

    with pytest.raises(services.KeyRefused) as refusal:
        services.rotate_key(key=again(key), actor=BY_TEST)

    assert refusal.value.code == "expired"


def test_a_lost_answer_leaves_the_old_secret_and_no_other(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    sandbox.faults("/key/generate", "drop_after")

    with pytest.raises(GatewayUnavailable):
        services.rotate_key(key=again(old.key), actor=BY_TEST)
    assert len(sandbox.live_keys()) == 2
    services.sweep_keys()

    assert works(sandbox, old.secret)
    assert len(sandbox.live_keys()) == 1
    assert again(old.key).state == Key.State.ACTIVE
    assert_at_rest(sandbox)


def test_can_be_retried_after_a_repair(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    sandbox.faults("/key/generate", "drop_after")
    with pytest.raises(GatewayUnavailable):
        services.rotate_key(key=again(old.key), actor=BY_TEST)
    services.sweep_keys()

    new = services.rotate_key(key=again(old.key), actor=BY_TEST)

    assert works(sandbox, new.secret)


def test_an_unavailable_gateway_changes_nothing(intern: User, sandbox: Sandbox) -> None:
    old = issue(intern)
    sandbox.faults("/key/info", "error", status=503, times=10)

    with pytest.raises(GatewayUnavailable):
        services.rotate_key(key=again(old.key), actor=BY_TEST)

    assert Token.objects.count() == 1


@contextmanager
def meanwhile(table: str, action: Callable[[], object], *, after: str = "") -> Iterator[None]:
    """Do `action` once, before the first statement that names `table` and follows one with `after`."""
    seen = {"after": not after, "done": False}

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if seen["after"] and table in sql and not seen["done"]:
            seen["done"] = True
            action()
        seen["after"] = seen["after"] or after in sql
        return execute(sql, *rest)

    with connection.execute_wrapper(watch):
        yield
    assert seen["done"]


def test_a_renewal_or_new_limits_during_a_replacement_are_kept(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)
    last = timezone.now() + timedelta(days=29)

    def renew() -> object:
        return services.renew_key(key=again(key), actor=BY_TEST)

    def set_limits() -> object:
        limits = limits_on(again(key))._replace(rpm_limit=7)
        return services.set_limits(key=again(key), actor=BY_TEST, limits=limits)

    for action in (renew, set_limits):
        with (
            meanwhile("keys_gatewayidentity", action, after='INSERT INTO "keys_token"'),
            pytest.raises(services.KeyRefused, match="The key changed in the meantime"),
        ):
            services.rotate_key(key=again(key), actor=BY_TEST)
        services.sweep_keys()

        [row] = sandbox.live_keys()
        end = again(key).expires_at
        assert end is not None
        assert end > last
        assert (row["token"], row["rpm_limit"]) == (live_token(key), again(key).rpm_limit)
        assert row["expires"][:16] == f"{end:%Y-%m-%dT%H:%M}"
        assert_at_rest(sandbox)
    services.rotate_key(key=again(key), actor=BY_TEST)


def test_a_replacement_waits_for_the_end_of_a_renewal(intern: User, sandbox: Sandbox) -> None:
    key = ending_in(issue(intern).key, sandbox, days=3)

    def rotate() -> None:
        with pytest.raises(services.KeyRefused, match="This key is being changed"):
            services.rotate_key(key=again(key), actor=BY_TEST)

    with meanwhile("keys_personbudget", rotate, after='UPDATE "keys_key" SET "renewing_since"'):
        renewed = services.renew_key(key=again(key), actor=BY_TEST)

    assert renewed.expires_at is not None
    assert renewed.expires_at > timezone.now() + timedelta(days=29)
    assert len(sandbox.live_keys()) == 1
    assert_at_rest(sandbox)
