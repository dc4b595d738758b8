"""After a restore of an old copy of the portal's database both sides agree again, and nothing is lost."""

import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from pytest_django import Settings

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.models import GatewayIdentity, Key, Token
from keys.services.person_budget import team_id_of
from playground.services.anonymise import anonymise
from tests.dumps import dump_database
from tests.factories import change_policies, make_intern
from tests.keys.actions import (
    BY_TEST,
    again,
    assert_at_rest,
    issue,
    live_token,
    set_at_gateway,
    teams_at,
    tokens_at,
    works,
)
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nobody_waits(settings: Settings) -> None:
    """Let the answer deadline of what was made in the test be over."""
    settings.KEY_ANSWER_DEADLINE_S = 0


def after_restore() -> str:
    """Run the command; return what it says."""
    said = io.StringIO()
    call_command("after_restore", stdout=said)
    return said.getvalue()


def test_what_was_made_deleted_and_changed_since_the_copy_is_the_same_on_both_sides(
    staff: User, as_staff: Client, sandbox: Sandbox
) -> None:
    kept, deleted, rotated = (issue(staff, label, Key.Kind.PERSONAL) for label in ("kept", "deleted", "rotated"))
    services.sync_keys()
    restore = dump_database()
    services.delete_key(key=deleted.key, actor=BY_TEST)
    new_secret = services.rotate_key(key=again(rotated.key), actor=BY_TEST).secret
    made = issue(staff, "made since", Key.Kind.PERSONAL)
    sandbox.call("POST", "/key/block", body={"key": token_of(kept.secret)}).raise_for_status()
    there = tokens_at(sandbox)
    restore()

    said = after_restore()

    assert tokens_at(sandbox) == there
    assert_at_rest(sandbox)
    assert [line.strip() for line in said.splitlines()] == [
        "Adopted: created since the backup, owned and listed again:",
        f"staff: Personal key “rotated” …{new_secret[-4:]}",
        f"staff: Personal key “made since” …{made.secret[-4:]}",
        "Updated: another end, or a block, since the backup:",
        f"staff: Personal key “kept” …{kept.secret[-4:]}",
        "Lost: deleted at the gateway since the backup:",
        f"staff: Personal key “deleted” …{deleted.secret[-4:]}",
    ]
    adopted = again(made.key)  # by its id of before
    assert (adopted.label, adopted.kind, adopted.budget_usd) == ("made since", Key.Kind.PERSONAL, Decimal(100))
    assert again(rotated.key).retiring is not None
    assert works(sandbox, new_secret)
    assert "made since" in as_staff.get("/").content.decode()
    services.delete_key(key=adopted, actor=BY_TEST)
    assert not works(sandbox, made.secret)
    assert after_restore() == "Nothing to do: the portal and the gateway agree.\n"


def test_the_next_sync_adopts_by_itself(intern: User, sandbox: Sandbox) -> None:
    restore = dump_database()
    fresh = issue(intern, "thesis")
    restore()

    assert services.sync_keys() == 1

    assert again(fresh.key).label == "thesis"
    assert works(sandbox, fresh.secret)
    assert services.sync_keys() == 0


def test_a_key_that_was_being_made_when_the_copy_was_taken_is_not_deleted(intern: User, sandbox: Sandbox) -> None:
    services.sync_keys()
    fresh = issue(intern)
    key, token = Key.objects.get(), Token.objects.get()
    Key.objects.update(state=Key.State.ISSUING, expires_at=None)
    Token.objects.update(state=Token.State.ISSUING, token=None, last_four="")
    restore = dump_database()
    restore()

    said = after_restore()

    assert works(sandbox, fresh.secret)
    assert live_token(key) == token_of(fresh.secret)
    assert "Repaired" in said
    assert token.alias
    assert_at_rest(sandbox)


def test_a_playground_key_made_since_works_again_with_its_computed_secret(intern: User, sandbox: Sandbox) -> None:
    services.sync_keys()
    restore = dump_database()
    secret = services.playground_secret(owner=intern, actor=BY_TEST)
    restore()

    after_restore()

    assert services.playground_secret(owner=intern, actor=BY_TEST) == secret
    assert Key.objects.get().kind == Key.Kind.PLAYGROUND
    assert len(sandbox.live_keys()) == 1


def test_a_playground_key_whose_owner_has_another_by_now_is_deleted(intern: User, sandbox: Sandbox) -> None:
    services.sync_keys()
    restore = dump_database()
    old = services.playground_secret(owner=intern, actor=BY_TEST)
    restore()
    new = services.playground_secret(owner=intern, actor=BY_TEST)

    after_restore()

    assert not works(sandbox, old)
    assert works(sandbox, new)
    assert services.playground_secret(owner=intern, actor=BY_TEST) == new


def test_a_key_that_another_process_makes_now_is_not_adopted(intern: User, sandbox: Sandbox) -> None:
    issue(intern)
    Token.objects.update(state=Token.State.ISSUING, token=None)  # the answer has not been recorded yet
    Key.objects.update(state=Key.State.ISSUING)

    with override_settings(KEY_ANSWER_DEADLINE_S=120):
        assert services.sync_keys() == 0
    assert Key.objects.count() == 1
    Token.objects.all().delete()  # of a portal whose database is another: old enough, or left alone
    Key.objects.all().delete()
    with override_settings(KEY_ANSWER_DEADLINE_S=120):
        assert services.sync_keys() == 0
    assert services.sync_keys() == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"passerelle_key": "no id", "passerelle_kind": "external", "passerelle_label": "\n"},
        {"passerelle_key": 7, "passerelle_kind": ["personal"], "passerelle_label": {"a": 1}},
        {"passerelle_label": "x" * 500},
    ],
)
def test_a_key_of_ours_with_odd_metadata_is_adopted_all_the_same(
    intern: User, sandbox: Sandbox, metadata: dict[str, object]
) -> None:
    issue(intern, "x" * 60)
    body = {"user_id": intern.gateway_user_id, "key_alias": "passerelle-of-before", "metadata": metadata}
    sandbox.call("POST", "/key/generate", body=body).raise_for_status()

    assert services.sync_keys() == 1

    key = Key.objects.get(tokens__alias="passerelle-of-before")
    assert (key.owner, key.kind) == (intern, Key.Kind.TEMPORARY)
    assert 0 < len(key.label) <= 60
    services.delete_key(key=key, actor=BY_TEST)
    assert_at_rest(sandbox)


def test_a_key_of_an_unknown_person_is_left_alone(sandbox: Sandbox) -> None:
    body = {"user_id": "passerelle-nobody", "key_alias": "passerelle-of-another-portal"}
    sandbox.call("POST", "/key/generate", body=body).raise_for_status()

    assert services.sync_keys() == 0
    assert len(sandbox.live_keys()) == 1


def test_limits_budgets_and_what_is_not_in_the_copy_are_reported_and_mended(
    staff: User, sandbox: Sandbox, settings: Settings
) -> None:
    change_policies(person_budget_usd=Decimal(50), person_budget_period="30d")
    dearer = issue(staff, "dearer", Key.Kind.PERSONAL)
    services.sync_keys()
    restore = dump_database()
    set_at_gateway(sandbox, token_of(dearer.secret), max_budget=77.0)
    team = team_id_of(staff)
    sandbox.call("POST", "/team/update", body={"team_id": team, "max_budget": 5.0}).raise_for_status()
    newcomer = make_intern("newcomer")
    theirs = issue(newcomer, "of somebody who joined since")
    restore()

    said = [line.strip() for line in after_restore().splitlines()]

    assert said == [
        "Limits taken over: changed since the backup; the policies apply within the hour:",
        f"staff: Personal key “dearer” …{dearer.secret[-4:]}",
        "Budgets written again: the team at the gateway had another one",
        "staff",
        "Left alone: 1 keys of people who are not in the backup, or of another portal at this gateway",
    ]
    assert again(dearer.key).budget_usd == Decimal(77)
    assert teams_at(sandbox)[team] == (50.0, "30d")
    assert works(sandbox, theirs.secret)
    services.apply_policies(BY_TEST)
    assert again(dearer.key).budget_usd != Decimal(77)
    assert after_restore().splitlines() == [
        "Left alone: 1 keys of people who are not in the backup, or of another portal at this gateway"
    ]


def test_the_team_of_somebody_anonymised_is_not_made_again(intern: User, sandbox: Sandbox) -> None:
    change_policies(person_budget_usd=Decimal(50), person_budget_period="30d")
    issue(intern, "theirs")
    anonymise(person=intern, actor=BY_TEST)
    restore = dump_database()
    services.sweep_keys()
    assert teams_at(sandbox) == {}
    restore()

    assert "Budgets written again" not in after_restore()

    assert teams_at(sandbox) == {}
    assert_at_rest(sandbox)


def test_a_run_that_the_gateway_breaks_off_accepts_no_missing_keys_later(staff: User, sandbox: Sandbox) -> None:
    issue(staff, "kept", Key.Kind.PERSONAL)
    services.sync_keys()
    sandbox.faults("/key/list", "html", times=10)

    with pytest.raises(CommandError, match="Run this again"):
        after_restore()

    assert GatewayIdentity.objects.get().absences_accepted is False
