"""Reports of leaked SCIM tokens: the client is revoked, of a replaced token only the old one, and admins get a mail."""

from typing import Any

from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.identity_providers import Cas
from accounts.models import AuditEntry, ScimClient, User
from gateway.secret import SCIM_PREFIX, Secret
from scim.services.clients import create_client, replace_secret
from tests.api.test_leak_reports import PLACE, SHARED, report
from tests.conftest import signed_in
from tests.keys.actions import BY_TEST
from tests.portal.test_routes import what_is_stored
from tests.tasks import run_tasks


def test_a_scim_token_is_refused_from_then_on(settings: Settings, intern: User, admin: User, client: Client) -> None:
    settings.LEAK_REPORTS_SECRET = SHARED
    provider = Cas(id="uni", name="University", server="https://cas.example.edu")
    settings.IDENTITY_PROVIDERS = [provider]

    def made() -> Secret:
        scim = ScimClient.objects.first()
        about: Any = {"scopes": ["users"], "actor": BY_TEST}
        new = replace_secret(client=scim, **about) if scim else create_client(provider=provider, **about)
        assert new
        return new

    def is_taken(secret: Secret) -> bool:
        answer = client.get("/scim/v2/Users", headers={"Authorization": f"Bearer {secret}"})
        return answer.status_code == 200

    secrets = [made(), made()]
    for leaked, working, entries in ((0, [False, True], ["end_old"]), (1, [False, False], ["end_old", "revoke"])):
        for _again in range(2):
            answer = report(f"{SCIM_PREFIX}of-others", secrets[leaked])
            assert [row["label"] for row in answer.json()] == ["false_positive", "true_positive"]
            assert [is_taken(each) for each in secrets] == working
        trail = AuditEntry.objects.filter(details__via="leak_report").order_by("pk")
        assert list(trail.values_list("action", flat=True)) == entries
    run_tasks()

    texts = [f"{message.subject} {message.body}" for message in mail.outbox if message.to == [admin.email]]
    assert (len(texts), len(mail.outbox)) == (2, 2)
    for secret, text in zip(secrets, texts, strict=True):
        assert all(part in text for part in ("SCIM token of “University”", secret[-4:], PLACE))
    page = signed_in(admin).get(reverse("notices:index")).content.decode()
    assert all(f"“University” (…{secret[-4:]}) as leaked" in page for secret in secrets)
    assert not any(secret in str(what_is_stored()) for secret in secrets)
    assert is_taken(made())
