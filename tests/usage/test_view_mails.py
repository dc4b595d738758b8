"""The mail of a saved view: once a week or month, with the rights and in the language of its owner."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.delivery import CLAIM_LASTS
from accounts.models import MailChoices, User
from tests.usage.views.facts import key_of, used
from usage.models import SavedView, utc_today
from usage.services import mail_views
from usage.services.view_mails import due_day


@pytest.fixture
def view(intern: User) -> SavedView:
    """Make a weekly view; last week its owner spent 3 USD, on two models, and 1 the week before."""
    key = key_of(intern)
    monday = due_day("weekly", utc_today())
    days_ago = (utc_today() - monday).days + 3
    used(key, "2", days_ago=days_ago)
    used(key, "1", days_ago=days_ago, model="claude-3-haiku")
    used(key, "1", days_ago=days_ago + 7)
    return SavedView.objects.create(owner=intern, name="My models", page="usage:index", mail="weekly")


def test_writes_once_a_week(view: SavedView) -> None:
    assert (mail_views(), mail_views()) == (1, 0)

    (message,) = mail.outbox
    assert "My models: " in message.subject
    body = str(message.body).replace("\u00a0", " ")
    assert "Spend: 3.00 USD (the period before: 1.00 USD)" in body
    assert "- gpt-4o-mini: 2.00 USD\n- claude-3-haiku: 1.00 USD\n" in body
    assert f"/usage/views/{view.pk}/" in body
    SavedView.objects.update(mailed_on=due_day("weekly", utc_today()) - timedelta(days=7))
    assert mail_views() == 1


def test_the_first_mail_comes_with_the_next_week(view: SavedView, as_intern: Client) -> None:
    SavedView.objects.update(mail="")
    as_intern.post(f"/usage/views/{view.pk}/change/", {"name": "My models", "mail": "weekly"})

    assert mail_views() == 0
    SavedView.objects.update(mailed_on=utc_today() - timedelta(days=7))
    assert mail_views() == 1


def test_a_worker_that_is_killed_leaves_the_mail_to_the_next_with_the_same_id(view: SavedView) -> None:
    now = timezone.now()
    mail_views()
    for _killed in range(2):  # after the mail, before it was noted
        SavedView.objects.update(mailed_on=None, mail_claimed_at=now)
        assert mail_views() == 0  # the other may be about to send it
        SavedView.objects.update(mail_claimed_at=now - CLAIM_LASTS - timedelta(seconds=1))
        assert mail_views() == 1

    assert len({message.extra_headers["Message-ID"] for message in mail.outbox}) == 1
    assert len(mail.outbox) == 3


def test_goes_by_the_language_the_choice_and_the_rights_of_its_owner(view: SavedView, intern: User) -> None:
    User.objects.filter(pk=intern.pk).update(language="fr")
    assert mail_views() == 1
    assert "Dépenses" in str(mail.outbox[0].body)

    again = {"mailed_on": None, "page": "usage:everyone"}
    SavedView.objects.update(**again)
    assert mail_views() == 0
    assert SavedView.objects.get().mailed_on
    MailChoices.objects.create(person=intern, views=False)
    SavedView.objects.update(**again, mail="monthly")
    SavedView.objects.update(page="usage:index")
    assert mail_views() == 0
    assert len(mail.outbox) == 1
