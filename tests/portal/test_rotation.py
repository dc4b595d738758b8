"""Each secret is replaced without losing sessions, links or second factors (docs/operating.md, Replace secrets)."""

import io
import uuid

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts import links
from accounts.audit import BY_THE_PORTAL
from accounts.models import User
from courses.models import Course
from courses.services import join_codes
from playground.services import sharing
from tests.accounts.second_factors import code_of, give_code, give_password, with_app
from tests.accounts.signing_in import is_signed_in
from tests.conftest import signed_in
from tests.factories import make_intern
from tests.playground.rows import conversation
from web.encryption import decrypt
from webhooks.services.manage import SIGNING_PURPOSE, URL_PURPOSE, create_webhook

pytestmark = pytest.mark.django_db
NEW, NEWEST = "new " * 12, "newest " * 8


def rotate(settings: Settings) -> str:
    """Put a new SECRET_KEY in front; return the former one."""
    former: str = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [former]
    return former


def test_sessions_and_links_outlive_a_new_secret_key(intern: User, as_intern: Client, settings: Settings) -> None:
    idle = signed_in(intern)
    made = sharing.share(conversation(intern, ("Hello", "Hi.")), follows=False, lasts_days=7)
    shown = sharing.token_of(made)
    course = Course(pk=uuid.uuid4(), join_serial=1)
    course.join_hash = join_codes.hash_of(join_codes.derive_code(course))
    code = join_codes.code_of(course)
    signed = links.sign(links.holder(intern), salt="test")

    rotate(settings)

    assert is_signed_in(as_intern)
    assert as_intern.get(reverse("keys:index")).status_code == 200
    assert sharing.token_of(made) == shown != ""
    assert join_codes.code_of(course) == code != ""
    assert links.read(signed, salt="test") in links.holders(intern)
    settings.SECRET_KEY_FALLBACKS = []
    assert is_signed_in(as_intern)  # used meanwhile: signed anew
    assert not is_signed_in(idle)
    assert sharing.token_of(made) == join_codes.code_of(course) == ""


def test_second_factors_and_webhooks_outlive_both_secrets(admin: User, settings: Settings) -> None:
    ada = make_intern("ada")
    secret, codes = with_app(ada)
    hook, signing = create_webhook(
        name="chat", url="https://chat.example/x", events=["key.created"], actor=BY_THE_PORTAL
    )

    rotate(settings)  # it encrypts where ENCRYPTION_SECRETS is empty
    assert call_reencrypt() == "Encrypted again: 3 rows.\n"
    settings.SECRET_KEY_FALLBACKS = []
    settings.ENCRYPTION_SECRETS = [NEWEST, NEW]
    assert call_reencrypt() == "Encrypted again: 3 rows.\n"
    settings.ENCRYPTION_SECRETS = [NEWEST]

    hook.refresh_from_db()
    assert decrypt(hook.url, purpose=URL_PURPOSE) == "https://chat.example/x"
    assert decrypt(hook.secret, purpose=SIGNING_PURPOSE) == signing
    assert give_code(give_password(ada), code_of(secret)).status_code == 302
    assert give_code(give_password(ada), codes[0]).status_code == 302


def test_says_what_no_secret_opens(settings: Settings) -> None:
    with_app(make_intern("ada"))
    settings.ENCRYPTION_SECRETS = [NEWEST]

    with pytest.raises(CommandError, match="2 rows were encrypted with a secret that is not in ENCRYPTION_SECRETS"):
        call_reencrypt()


def call_reencrypt() -> str:
    said = io.StringIO()
    call_command("reencrypt", stdout=said)
    return said.getvalue()
