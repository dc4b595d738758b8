"""Secrets of keys are ours where the gateway takes them, so that scanners recognise them."""

from pytest_django import Settings

from accounts.models import User
from gateway.own_secrets import KEY_PREFIX, is_well_formed
from gateway.secret import has_secret, redact
from keys import services
from keys.models import Key
from tests.factories import make_policy
from tests.keys.actions import BY_TEST, again, assert_at_rest, issue, works
from tests.sandbox_process import Sandbox


def test_new_and_replaced_secrets_have_prefix_and_checksum(intern: User, sandbox: Sandbox) -> None:
    make_policy("Interns", grace_hours=48)
    first = issue(intern)
    second = services.rotate_key(key=again(first.key), actor=BY_TEST)

    for secret in (first.secret, second.secret):
        assert is_well_formed(secret, KEY_PREFIX)
        assert not is_well_formed(secret[:-1] + ("a" if secret[-1] != "a" else "b"), KEY_PREFIX)
        assert has_secret(secret)
        assert secret not in redact(f"?q={secret}")
        assert works(sandbox, secret)
    assert first.secret != second.secret


def test_a_gateway_that_takes_no_secret_of_ours_makes_its_own(intern: User, settings: Settings) -> None:
    with Sandbox(custom_keys=False) as sandbox:
        settings.GATEWAY_URL = sandbox.url

        fresh = issue(intern)

        assert not fresh.secret.startswith(KEY_PREFIX)
        assert works(sandbox, fresh.secret)
        assert Key.objects.get().state == Key.State.ACTIVE
        assert_at_rest(sandbox)
