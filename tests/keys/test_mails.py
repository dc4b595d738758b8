"""Every mail about keys greets, names the portal and the key, links to it, and is in the reader's language."""

import io
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage, get_connection
from django.test import Client
from django.utils import timezone, translation

from accounts.models import User
from gateway.secret import token_of
from keys import services
from keys.alerts import alert_admins
from keys.models import Key, TaskRun
from tests.keys.actions import ending_in, issue
from tests.sandbox_process import Sandbox
from tests.usage.polling import poll, report_day, used
from usage.models import utc_today
from usage.services import warn_of_budgets
from usage.services.operators import alert_operators


@pytest.fixture
def french(staff: User) -> User:
    """Let the staff member read French."""
    User.objects.filter(pk=staff.pk).update(language="fr", first_name="Aurélie")
    staff.refresh_from_db()
    return staff


def test_a_reminder_is_in_the_language_of_its_reader(french: User, sandbox: Sandbox) -> None:
    key = issue(french, "mémoire").key
    ending_in(key, sandbox, days=3)

    services.remind_owners()

    (message,) = mail.outbox
    assert message.subject == "[Passerelle] Votre clé «\u00a0mémoire\u00a0» expire bientôt"
    assert message.body.startswith("Bonjour Aurélie,")
    assert "/link/renew/" in message.body
    assert "-- \nPasserelle, " in message.body


@pytest.mark.parametrize("usd", ["8", "12"])
def test_a_budget_mail_is_in_the_language_of_its_reader_and_links_to_the_key(
    french: User, sandbox: Sandbox, usd: str
) -> None:
    fresh = issue(french, "mémoire", intern_name="Intern B")
    Key.objects.update(budget_usd=10, budget_period="30d")
    report_day(sandbox, utc_today(), used(token_of(fresh.secret), usd=usd))
    poll()

    with translation.override("en"):
        warn_of_budgets()

    (message,) = mail.outbox
    assert message.subject.startswith("[Passerelle] ")
    assert "mémoire" in message.subject
    assert message.body.startswith("Bonjour Aurélie,")
    assert "utilisée par Intern B" in message.body
    assert f"/keys/{fresh.key.pk}/" in message.body


def test_administrators_are_greeted_each_in_their_language(admin: User, settings: object) -> None:
    User.objects.filter(pk=admin.pk).update(language="fr")

    assert alert_admins("test", translation.gettext_lazy("Keys are not being maintained"), "…")

    (message,) = mail.outbox
    assert message.subject == "[Passerelle] Les clés ne sont plus suivies"
    assert message.body.startswith(f"Bonjour {admin.display_name},")


def test_operators_are_written_to_in_their_language(admin: User, sandbox: Sandbox) -> None:
    User.objects.filter(pk=admin.pk).update(language="fr")
    long_ago = timezone.now() - timedelta(days=1)
    TaskRun.objects.update_or_create(name="keys.sweep", defaults={"ended_at": long_ago, "ok_at": long_ago})

    alert_operators()

    assert [message.body.split("\n")[0] for message in mail.outbox] == [f"Bonjour {admin.display_name},"]
    assert "Les suppressions" in mail.outbox[0].body


def test_the_language_that_somebody_chooses_is_that_of_their_mails(as_staff: Client, staff: User) -> None:
    as_staff.post("/language/", {"language": "fr"})

    staff.refresh_from_db()
    assert staff.language == "fr"


@pytest.mark.parametrize("kind", ["console", "file"])
def test_subjects_are_readable_without_a_mail_server(kind: str, tmp_path: object) -> None:
    stream = io.StringIO()
    where = {"stream": stream} if kind == "console" else {"file_path": str(tmp_path)}
    message = EmailMessage("Votre clé «\u00a0mémoire\u00a0» expire bientôt", "Élève, bonjour.", to=["a@example.edu"])

    get_connection(f"web.mail.{kind.capitalize()}Backend", **where).send_messages([message])

    written = stream.getvalue() if kind == "console" else next(tmp_path.iterdir()).read_text()  # type: ignore[attr-defined]
    assert "Subject: Votre clé «\u00a0mémoire\u00a0» expire bientôt\n" in written
    assert "Élève, bonjour." in written
