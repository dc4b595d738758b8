"""Pages of the Playground in French."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import User
from playground.models import Answer, Conversation, Share
from playground.services.export import FORMAT
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
    versions = reverse("playground:branches", args=[conversation.pk])
    read(owner.get(versions))
    rows.answer(rows.last_answer(conversation).message, "Elles volent.")
    read(owner.get(versions))
    running = rows.answer(rows.last_answer(conversation).message, state=Answer.State.STREAMING)
    read(owner.post(share, {"lasts_days": "7"}))
    for made in Share.objects.all():
        page = reverse("playground:shared", args=[token_of(made)])
        for browser in (owner, reader):
            read(browser.get(page))
        read(reader.post(f"{page}copy/", follow=True))
        read(owner.post(reverse("playground:end_share", args=[made.pk]), follow=True))
    running.delete()


def test_import(intern: User, read: Read) -> None:
    owner, form = in_french(intern), reverse("playground:import_conversation")
    read(owner.get(form))
    read(owner.post(form))
    answer = {"id": "a", "text": "Salut", "params": {"seed": "x"}, "problem": {"code": "x"}}
    answer["extras"] = {"images": ["x"], "sources": [{"url": "x"}]}
    message = {"id": "m", "text": "Bonjour", "images": [{"url": "x"}], "answers": [answer]}
    body = {"format": FORMAT, "kind": "chat", "title": "Abeilles", "messages": [message]}
    for data in (b"x", json.dumps(body).encode()):
        preview = owner.post(form, {"file": SimpleUploadedFile("a.json", data)})
        read(preview)
    save = reverse("playground:save_import")
    for _twice in range(2):
        read(owner.post(save, {"signed": preview.context["signed"]}, follow=True))
    read(owner.get(reverse("playground:export", args=[Conversation.objects.get().pk, "md"])))
