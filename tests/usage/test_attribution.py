"""The owner of a token: the key that ever had it, or the person named by the gateway, or nobody."""

import hashlib

import pytest

from accounts.models import User
from keys.models import Key, Token
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox
from tests.usage.polling import make_key, poll, report_day, spent, used, yesterday
from usage.models import Fact, TokenRef, UsageState, utc_today

pytestmark = pytest.mark.django_db
A, B, C = "a" * 64, "b" * 64, "c" * 64


def whose(token: str) -> tuple[Key | None, User | None]:
    token_ref = TokenRef.objects.get(token=token)
    return token_ref.key, token_ref.owner


def test_a_key_rotated_in_the_middle_of_a_day_is_one_key(sandbox: Sandbox, intern: User) -> None:
    key = make_key(intern, A, B)
    report_day(sandbox, utc_today(), used(A, usd="0.1"), used(B, usd="0.2"))

    poll()

    assert whose(A) == whose(B) == (key, intern)
    assert len(spent()) == 2


def test_a_key_deleted_long_ago_keeps_what_it_used(sandbox: Sandbox, intern: User) -> None:
    key = make_key(intern, A, state=Key.State.DELETED)
    Token.objects.update(state=Token.State.DELETED)
    report_day(sandbox, utc_today(), used(A))

    poll()

    assert whose(A) == (key, intern)


def test_the_hash_of_a_token_is_that_token(sandbox: Sandbox, intern: User) -> None:
    key = make_key(intern, A, B)
    again = hashlib.sha256(A.encode()).hexdigest()
    report_day(sandbox, utc_today(), used(A), used(again))

    poll()

    assert whose(again) == whose(A) == (key, intern)


def test_people_without_a_key_have_the_name_of_the_gateway(sandbox: Sandbox, intern: User) -> None:
    report_day(sandbox, utc_today(), used(A, user_id=intern.gateway_user_id), used(B, user_id="somebody-else"))

    poll()

    assert whose(A) == (None, intern)
    assert whose(B) == (None, None)


@pytest.mark.parametrize("token", ["", "litellm-internal-health-check", "litellm_proxy_master_key", C])
def test_unattributed_usage_is_kept(sandbox: Sandbox, intern: User, token: str) -> None:
    make_key(intern, A)
    report_day(sandbox, utc_today(), used(token), used(A))

    assert poll().outcome == "done"

    assert whose(token) == (None, None)
    assert (token, "gpt-4o-mini") in spent()


def test_a_key_that_becomes_known_later_gets_its_usage(sandbox: Sandbox, intern: User, staff: User) -> None:
    report_day(
        sandbox, yesterday(), used(A, user_id=staff.gateway_user_id), used(hashlib.sha256(A.encode()).hexdigest())
    )
    poll(yesterday(), yesterday())
    assert whose(A) == (None, staff)
    version, facts = UsageState.load().version, list(Fact.objects.values())

    key = make_key(intern, A)
    run = poll()

    assert [(token_ref.key, token_ref.owner) for token_ref in TokenRef.objects.all()] == [(key, intern)] * 2
    assert UsageState.load().version == version + 2  # the owner, and the sums by kind of key
    assert (run.rows_written, list(Fact.objects.values())) == (0, facts)


def test_a_person_created_later_gets_their_usage(sandbox: Sandbox, intern: User) -> None:
    report_day(sandbox, yesterday(), used(A, user_id="passerelle-later"))
    poll(yesterday(), yesterday())
    User.objects.filter(pk=intern.pk).update(gateway_user_id="passerelle-later")

    poll()

    assert whose(A) == (None, intern)


def test_calls_of_a_real_key_are_its_owners(sandbox: Sandbox, intern: User) -> None:
    fresh = issue(intern)
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say one sentence."}]}
    sandbox.call("POST", "/v1/chat/completions", key=fresh.secret, body=body).raise_for_status()

    poll()

    fact = Fact.objects.get()
    assert (fact.token_ref.key, fact.token_ref.owner, fact.ok_requests) == (fresh.key, intern, 1)
    assert fact.spend_usd > 0


def test_metadata_that_the_gateway_drops_is_kept(sandbox: Sandbox, intern: User) -> None:
    fresh = issue(intern)
    token = Token.objects.get()
    report_day(sandbox, utc_today(), used(token.token or "", user_id=intern.gateway_user_id))
    poll()
    alias = TokenRef.objects.get().alias
    assert alias == token.alias
    sandbox.reset()
    report_day(sandbox, utc_today(), used(token.token or "", usd="0.3"))

    poll()

    token_ref = TokenRef.objects.get()
    assert (token_ref.alias, token_ref.gateway_user_id) == (alias, intern.gateway_user_id)
    assert token_ref.key == fresh.key
