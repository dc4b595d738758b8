"""The pages and mails of access tokens, and the documentation of the API, in French."""

from django.core import mail
from django.urls import reverse

from accounts.models import AccessToken, User
from api.services.device import SCOPES, begin
from tests.api.conftest import Program
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.tasks import run_tasks


def test_access_tokens(staff: User, admin: User, read: Read) -> None:
    User.objects.filter(pk=staff.pk).update(language="fr")
    browser, url = in_french(staff), reverse("api:tokens")
    read(browser.get(url))
    read(browser.post(url, {}))
    read(browser.post(url, {"name": "sauvegarde", "scopes": ["usage:read"], "days": "3"}))
    token = AccessToken.objects.get()
    read(browser.get(reverse("api:revoke_token", args=[token.pk])))
    of_admin = in_french(admin)
    read(of_admin.get(reverse("api:all_tokens")))
    read(of_admin.post(reverse("api:revoke_for", args=[token.pk]), follow=True))
    run_tasks()
    assert [english_in(f"{message.subject} {message.body}") for message in mail.outbox] == [[], []]


def test_the_sign_in_of_a_command(staff: User, read: Read) -> None:
    browser, url = in_french(staff), reverse("api:device")
    read(browser.get(url))
    read(browser.post(url, {"code": "BBBB-BBBB"}))
    for decision in ("approve", "refuse"):
        _secret, device = begin(name="portable", scopes=SCOPES, address=None)
        read(browser.post(url, {"code": device.user_code}))
        read(browser.post(url, {"code": device.user_code, "decision": decision}))


def test_the_documentation(staff: User, read: Read) -> None:
    read(in_french(staff).get(reverse("api:documentation")))


def test_problems(staff: User) -> None:
    program = Program(staff, "usage:read")
    for path in ("/nothing", "/me/keys", "/me/usage/explore?metric=x"):
        detail = program.get(path, Accept_Language="fr").json()["detail"]
        assert english_in(detail) == [], detail
