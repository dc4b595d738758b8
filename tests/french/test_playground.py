"""Pages of the Playground in French."""

import pytest
from django.urls import reverse

from accounts.models import User
from playground.models import Answer, Share
from playground.services.sharing import token_of
from tests.french.conftest import Read, in_french
from tests.playground import rows

pytestmark = pytest.mark.django_db


def test_sharing(intern: User, staff: User, read: Read) -> None:
    owner, reader = in_french(intern), in_french(staff)
    conversation = rows.conversation(intern, ("Bonjour", "Salut"), title="Abeilles")
    share = reverse("playground:share", args=[conversation.pk])
    read(owner.get(reverse("playground:shares")))
    for form in ({"lasts_days": "7"}, {"follows": "on"}, {"lasts_days": "bientôt"}):
        read(owner.post(share, form, follow=True))
    read(owner.get(reverse("playground:shares")))
    read(owner.get(reverse("playground:conversation", args=[conversation.pk])))
    running = rows.answer(rows.last_answer(conversation).message, state=Answer.State.STREAMING)
    read(owner.post(share, {"lasts_days": "7"}))
    for made in Share.objects.all():
        page = reverse("playground:shared", args=[token_of(made)])
        for browser in (owner, reader):
            read(browser.get(page))
        read(reader.post(f"{page}copy/", follow=True))
        read(owner.post(reverse("playground:end_share", args=[made.pk]), follow=True))
    running.delete()
