"""A gateway that looks different for a moment costs no key: the portal recognises its own, and asks an admin."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from gateway.errors import GatewayUnavailable
from keys import services
from keys.catalogue import gateway_state, refresh_models
from keys.models import GatewayIdentity, GatewayModel, Key, Token
from keys.tasks import sweep, sync
from tests.factories import make_user
from tests.keys.actions import BY_TEST, again, delete_at_gateway, issue, live_token, tokens_at
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
Problem = GatewayIdentity.Problem


@pytest.fixture(scope="session")
def other_process() -> Iterator[Sandbox]:
    """Run a second sandbox for all tests of this worker."""
    with Sandbox() as process:
        yield process


@pytest.fixture
def other(other_process: Sandbox) -> Sandbox:
    """Hand out another gateway, empty; `point_at` lets the portal ask it."""
    other_process.reset()
    return other_process


@pytest.fixture
def point_at(settings: Settings) -> Callable[[Sandbox], None]:
    """Return how to change GATEWAY_URL."""

    def point(gateway: Sandbox) -> None:
        settings.GATEWAY_URL, settings.GATEWAY_ADMIN_KEY = gateway.url, gateway.admin_key

    return point


def seen_at(gateway: Sandbox) -> str:
    """Return the time that is written on our team at the gateway."""
    team = {"team_id": GatewayIdentity.load().marker}
    reported: str = gateway.call("GET", "/team/info", params=team).json()["team_info"]["metadata"]["passerelle_seen_at"]
    return reported


def write_on(gateway: Sandbox, seen: object) -> None:
    """Write another time there, as a restored gateway has it."""
    body = {"team_id": GatewayIdentity.load().marker, "metadata": {"passerelle_seen_at": seen}}
    gateway.call("POST", "/team/update", body=body).raise_for_status()


# --- Another gateway --------------------------------------------------------------------------------
def test_an_empty_gateway_for_one_sync_and_sweep_costs_nobody_a_key(
    staff: User, admin: User, sandbox: Sandbox, other: Sandbox, point_at: Callable[[Sandbox], None]
) -> None:
    for number in range(4):  # fewer than what counts as many
        issue(staff, f"key {number}")
    half = again(Key.objects.first() or Key())
    services.rotate_key(key=half, actor=BY_TEST)
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())
    services.sync_keys()
    before, rows = tokens_at(sandbox), list(Token.objects.order_by("pk").values())
    point_at(other)

    for task in (sync, sweep):
        with pytest.raises(services.GatewayChanged):
            task.run()

    assert list(Token.objects.order_by("pk").values()) == rows
    assert GatewayIdentity.load().problem == Problem.OTHER
    point_at(sandbox)
    services.sync_keys()
    assert tokens_at(sandbox) == before
    assert GatewayIdentity.load().problem == Problem.NONE
    assert Key.objects.filter(state=Key.State.ACTIVE).count() == 4


def test_keys_of_people_at_another_gateway_are_not_made_known(
    intern: User, sandbox: Sandbox, other: Sandbox, point_at: Callable[[Sandbox], None]
) -> None:
    services.sync_keys()
    other.call("POST", "/key/generate", body={"user_id": intern.gateway_user_id, "key_alias": "theirs"})
    point_at(other)

    with pytest.raises(services.GatewayChanged):
        services.sync_keys()

    assert not Key.objects.exists()


def test_the_list_of_models_stays_and_the_page_says_why(
    as_intern: Client, sandbox: Sandbox, other: Sandbox, point_at: Callable[[Sandbox], None]
) -> None:
    refresh_models()
    GatewayModel.objects.create(name="only-at-ours")
    point_at(other)

    assert refresh_models() == 0

    assert GatewayModel.objects.filter(name="only-at-ours").exists()
    assert gateway_state().problem == "other_gateway"
    assert "It is not in the expected state." in as_intern.get(reverse("keys:status")).content.decode()


def test_no_key_is_made_at_a_gateway_that_is_known_to_be_another(
    intern: User, sandbox: Sandbox, other: Sandbox, point_at: Callable[[Sandbox], None]
) -> None:
    services.sync_keys()
    point_at(other)
    refresh_models()

    with pytest.raises(GatewayUnavailable) as refused:
        issue(intern)

    assert not refused.value.may_have_happened
    assert other.live_keys() == []
    assert Key.objects.get().state == Key.State.FAILED


def test_admins_are_notified_by_mail_once_a_day_and_on_the_page(
    admin: User,
    as_admin: Client,
    intern: User,
    sandbox: Sandbox,
    other: Sandbox,
    point_at: Callable[[Sandbox], None],
) -> None:
    make_user("boss", groups=("Admins",))
    services.sync_keys()
    point_at(other)

    for _ in range(3):
        with pytest.raises(services.GatewayChanged):
            sync.run()

    assert sorted(mail.outbox[0].to + mail.outbox[1].to) == ["admin@example.edu", "boss@example.edu"]
    assert len(mail.outbox) == 2
    assert "This is not the gateway that the portal knows." in mail.outbox[0].body
    for name in ("usage:reconcile", "usage:runs"):
        assert "This is not the gateway that the portal knows." in as_admin.get(reverse(name)).content.decode()


def test_an_admin_accepts_another_gateway_and_reverts_it(
    admin: User,
    as_admin: Client,
    as_intern: Client,
    intern: User,
    sandbox: Sandbox,
    other: Sandbox,
    point_at: Callable[[Sandbox], None],
) -> None:
    key = issue(intern).key
    services.sync_keys()
    point_at(other)
    with pytest.raises(services.GatewayChanged):
        sync.run()
    assert as_intern.post(reverse("usage:accept_gateway")).status_code == 403

    assert as_admin.post(reverse("usage:accept_gateway")).status_code == 302
    services.sync_keys()

    assert (again(key).state, again(key).problem) == (Key.State.DELETED, Key.Problem.GONE)
    assert GatewayIdentity.load().accepted_by == "admin"
    point_at(sandbox)
    with pytest.raises(services.GatewayChanged):
        sync.run()
    call_command("accept_gateway")
    services.sync_keys()
    assert again(key).state == Key.State.ACTIVE
    assert live_token(key) in tokens_at(sandbox)


# --- The same one, restored --------------------------------------------------------------------------
def test_a_gateway_restored_from_yesterday_is_noticed(intern: User, admin: User, sandbox: Sandbox) -> None:
    services.sync_keys()
    yesterday = (timezone.now() - timedelta(days=1)).isoformat()
    key = issue(intern).key
    write_on(sandbox, yesterday)
    delete_at_gateway(sandbox, key)

    with pytest.raises(services.GatewayChanged, match="restored"):
        services.sync_keys()

    assert again(key).state == Key.State.ACTIVE
    assert len(mail.outbox) == 1
    call_command("accept_gateway")
    assert services.sync_keys() == 1
    assert again(key).problem == Key.Problem.GONE
    assert seen_at(sandbox) > yesterday


def test_a_portal_restored_from_yesterday_goes_on(intern: User, sandbox: Sandbox) -> None:
    services.sync_keys()
    GatewayIdentity.objects.update(stamp=timezone.now() - timedelta(days=1))

    assert services.sync_keys() == 0
    assert GatewayIdentity.load().problem == Problem.NONE
    assert GatewayIdentity.load().stamp.isoformat() == seen_at(sandbox)  # type: ignore[union-attr]


def test_the_time_at_the_gateway_is_kept_up(sandbox: Sandbox) -> None:
    services.identify_gateway()
    first = seen_at(sandbox)
    services.identify_gateway()
    assert seen_at(sandbox) == first
    old = timezone.now() - timedelta(hours=2)
    GatewayIdentity.objects.update(stamp=old)
    write_on(sandbox, old.isoformat())

    services.identify_gateway()

    assert seen_at(sandbox) > first
    GatewayIdentity.objects.update(stamp=old)
    write_on(sandbox, old.isoformat())
    sandbox.faults("/team/update", "drop_after")  # it arrived, and nobody knows
    with pytest.raises(GatewayUnavailable):
        services.identify_gateway()
    assert services.identify_gateway() is False
    assert GatewayIdentity.load().problem == Problem.NONE


@pytest.mark.parametrize("written", [None, "yesterday", 7, "2026-01-01T00:00:00"])
def test_invalid_team_metadata_stops_nothing(sandbox: Sandbox, written: object) -> None:
    services.identify_gateway()
    write_on(sandbox, written)

    assert services.sync_keys() == 0


# --- Many keys missing at once -----------------------------------------------------------------------
def test_many_missing_keys_need_a_confirmation(staff: User, admin: User, sandbox: Sandbox) -> None:
    keys = [issue(staff, f"key {number}").key for number in range(12)]
    for key in keys[:7]:
        delete_at_gateway(sandbox, key)

    with pytest.raises(services.GatewayChanged, match="Many keys"):
        services.sync_keys()

    assert Key.objects.filter(state=Key.State.ACTIVE).count() == 12
    assert "7 of 12 keys are missing." in mail.outbox[0].body
    services.accept_gateway("somebody")
    assert services.sync_keys() == 7
    assert Key.objects.filter(state=Key.State.ACTIVE).count() == 5
    for key in keys[7:]:
        delete_at_gateway(sandbox, key)
    assert services.sync_keys() == 5  # no more than five


def test_many_missing_keys_that_come_back_are_forgotten(staff: User, sandbox: Sandbox) -> None:
    for number in range(8):
        issue(staff, f"key {number}")
    hidden = list(Token.objects.values_list("pk", "token"))
    for pk, _token in hidden:
        Token.objects.filter(pk=pk).update(token=f"{pk:064x}")
    with pytest.raises(services.GatewayChanged):
        sync.run()
    assert GatewayIdentity.load().problem == Problem.VANISHED
    for pk, token in hidden:
        Token.objects.filter(pk=pk).update(token=token)

    services.sync_keys()

    assert GatewayIdentity.load().problem == Problem.NONE
    assert Key.objects.filter(state=Key.State.ACTIVE).count() == 8


def test_a_key_marked_as_gone_is_revived_and_not_deleted(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    token = Token.objects.get()
    services.sync_keys()
    Token.objects.update(token="0" * 64)
    services.sync_keys()
    assert again(key).problem == Key.Problem.GONE
    issue(intern, "THESIS")
    Token.objects.filter(pk=token.pk).update(token=token.token)

    assert services.sync_keys() == 1

    revived = again(key)
    assert (revived.state, revived.problem, revived.ended_at) == (Key.State.ACTIVE, "", None)
    assert revived.label == "thesis (2)"
    assert live_token(key) in tokens_at(sandbox)


def test_the_old_secret_of_a_key_that_is_gone_lives_to_the_end_of_its_grace(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    old = live_token(key)
    services.rotate_key(key=again(key), actor=BY_TEST)
    delete_at_gateway(sandbox, key)

    services.sync_keys()
    services.sweep_keys()

    assert old in tokens_at(sandbox)
    Token.objects.filter(state=Token.State.RETIRING).update(retires_at=timezone.now())
    services.sweep_keys()
    assert tokens_at(sandbox) == set()
    assert again(key).state == Key.State.DELETED


def test_a_key_that_was_deleted_here_and_is_there_again_is_deleted_again(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    token = live_token(key)
    services.delete_key(key=key, actor=BY_TEST)
    body = {"key": "sk-again-0123456789", "user_id": intern.gateway_user_id}
    sandbox.call("POST", "/key/generate", body=body).raise_for_status()
    there = next(iter(tokens_at(sandbox)))
    Token.objects.filter(token=token).update(token=there)  # as a restored gateway has it

    assert services.sync_keys() == 1
    assert tokens_at(sandbox) == set()
