"""Announcements, terms of use, notices and the checklist in French, with what comes of the actions there."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import AuditEntry, Terms, User
from keys.models import Key
from tests.french.conftest import Read, in_french
from tests.french.reading import english_in
from tests.keys.views.pages import key_request
from tests.notices.conftest import announce, dismissal, publish_terms
from tests.notices.test_announcements import NEW, form_of
from tests.notices.test_bell import budget_notice, ending_key
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


def submit(browser: Client, read: Read, address: str, **form: object) -> None:
    """Send a form, and read the page that follows."""
    read(browser.post(address, form, follow=True))


def test_announcements_and_terms(admin: User, intern: User, sandbox: Sandbox, read: Read) -> None:
    browser = in_french(admin)
    texts = {"text_en": "Panne.", "text_fr": "Panne."}
    for fields in ({"step": "preview"}, {"ends_at": "2020-01-01T10:00"}, {}):
        submit(browser, read, NEW, **form_of(**{**texts, **fields}))
    announcement = announce("Panne.")
    for name in ("announcement", "delete_announcement"):
        address = reverse(f"notices:{name}", args=[announcement.pk])
        read(browser.get(address))
        submit(browser, read, address, **form_of(**texts))

    for step in ("preview", "save"):
        submit(browser, read, "/terms/versions/", step=step, **texts)
    publish = reverse("notices:publish_terms", args=[Terms.objects.get().pk])
    read(browser.get(publish))
    for digest in ("", *[Terms.objects.get().digest] * 2):
        submit(browser, read, publish, digest=digest)
    read(browser.get("/terms/versions/"))
    read(in_french(intern).post(reverse("keys:create"), key_request()))
    for form in ({}, {"accept_terms": "1"}):
        submit(in_french(intern), read, "/terms/accept/", **form)
    read(in_french(intern).get("/terms/"))
    with translation.override("fr"):
        said = [f"{entry.sentence} {entry.remark}" for entry in AuditEntry.objects.exclude(object_kind="key")]
    assert [sentence for sentence in said if english_in(sentence)] == []


def test_notices(intern: User, read: Read) -> None:
    browser = in_french(intern)
    notice = budget_notice(intern, of_person=True)
    key: Key = ending_key(intern)
    announcement = announce("Panne.")
    publish_terms("Soyez aimables.")

    read(browser.get("/notices/"))
    for address in ("/notices/dismiss/", "/notices/restore/", "/notices/dismiss/"):
        submit(browser, read, address, **dismissal("key", key))
    for kind, number in {"budget": notice.pk, "announcement": announcement.pk, "key": key.pk}.items():
        read(browser.post("/notices/dismiss/", {"kind": kind, "id": number}, headers={"HX-Request": "true"}))


def test_the_checklist(admin: User, read: Read) -> None:
    User.objects.filter(pk=admin.pk).update(language="fr")
    browser = in_french(admin)
    for address in ("/setup/mail/", "/setup/policy-read/", "/setup/dismiss/"):
        submit(browser, read, address)
    message = mail.outbox[0]
    assert english_in(f"{message.subject} {message.body}") == []
    link = re.findall(r"https?://[^/]+(/setup/mail/\S+)", str(message.body))[0]
    read(browser.get(link))
    submit(browser, read, link)
    User.objects.update(email="")
    submit(browser, read, "/setup/mail/")
