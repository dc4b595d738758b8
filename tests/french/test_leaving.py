"""Invitations, bulk actions and leaving supervisors, in French: pages and mails."""

import pytest
from django.core import mail
from django.urls import reverse

from accounts.models import User
from tests.factories import make_staff, make_user
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.keys.actions import issue
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks

pytestmark = pytest.mark.django_db
ROWS = (
    "Zoë;zoe@example.edu;Interns;staff;2030-12-31;trop",
    "Zoë;zoe2@example.edu;Nul;personne",
    "Zoë;zoe2@example.edu",
    "Zoë;zoe3@example.edu;Admins;;bientôt",
    "Zoë;;;;2030-12-31",
    "Zoë;zoe@@example.edu;;staff;2020-01-01",
    "Zoë;manager@example.edu",
    "Zoë;zoe4@example.edu;;staff;2030-12-31",
)


@pytest.fixture
def manager(db: None) -> User:
    return make_user("manager", groups=("Admins",), first_name="Farid", language="fr")


def test_an_invitation_from_the_list_to_the_mail(manager: User, staff: User, read: Read) -> None:
    browser, url = in_french(manager), reverse("people:invite")

    read(browser.get(url))
    for rows in (ROWS, ROWS[:1], (), ('"',), ["a@example.edu"] * 501):
        read(browser.post(url, {"people": "\n".join(rows), "step": "preview"}))
    assert "1 personne est invitée." in read(
        browser.post(url, {"people": "\n".join(ROWS), "step": "send"}, follow=True)
    )
    read(browser.post(url, {"people": "\n".join(ROWS[:1]), "step": "send"}))
    person = User.objects.get(email="zoe4@example.edu")
    User.objects.filter(pk=person.pk).update(language="fr")
    run_tasks()
    for name in ("person", "invite_again", "withdraw"):
        read(browser.get(reverse(f"people:{name}", args=[person.pk])))
    for name in ("invite_again", "withdraw", "withdraw"):
        read(browser.post(reverse(f"people:{name}", args=[person.pk]), follow=True))
    assert english_in(" ".join(f"{message.subject} {message.body}" for message in mail.outbox)) == []


def test_acts_on_many(manager: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    browser, url = in_french(manager), reverse("people:bulk")
    issue(staff, intern_name="Zoë")
    other = make_user("autre", first_name="Autre")
    ids = f"{staff.pk},{manager.pk},{other.pk}"

    for action in ("group", "stay", "deactivate"):
        read(browser.get(url, {"action": action, "person": ids.split(",")}))
        read(browser.get(url, {"action": action}))
        read(browser.post(url, {"action": action, "people": ids}, follow=True))
    for state in ("invited", "left"):
        read(browser.get(f"/people/?state={state}"))


def test_a_supervisor_leaves(manager: User, staff: User, sandbox: Sandbox, read: Read) -> None:
    browser = in_french(manager)
    issue(staff, intern_name="Zoë", intern_email="zoe@example.edu")
    User.objects.filter(pk=staff.pk).update(language="fr")
    other = make_staff("autre", first_name="Autre")
    urls = {name: reverse(f"people:{name}", args=[staff.pk]) for name in ("deactivate", "hand_over", "person")}

    read(browser.get(urls["deactivate"]))
    read(browser.post(urls["deactivate"], {"supervisor": "x"}))
    read(browser.post(urls["deactivate"], {"supervisor": ""}, follow=True))
    run_tasks()
    run_tasks()  # the mails that the sweep asked for
    read(browser.get(urls["person"]))
    read(browser.get(urls["hand_over"]))
    read(browser.post(urls["hand_over"], {"supervisor": other.pk}, follow=True))
    read(browser.get(urls["hand_over"]))
    assert len(mail.outbox) >= 3
    assert english_in(" ".join(f"{message.subject} {message.body}" for message in mail.outbox)) == []
