"""The pages of batches in French: form, errors, each state of a batch and of its calls."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import User
from playground.batch_models import Batch, BatchCall
from playground.errors.classify import AnswerError
from tests.french.conftest import Read, in_french
from tests.playground.batches import MODEL, OTHER, drafted
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
PAGE = reverse("playground:batches")


def test_batches(intern: User, sandbox: Sandbox, read: Read) -> None:
    know_the_models()
    browser = in_french(intern)
    read(browser.get(PAGE))
    for data in (
        {},
        {"file": SimpleUploadedFile("liste.csv", b"a,b\n1,2")},
        {"prompts": "x\n" * 201, "limit_usd": "-1"},
    ):
        read(browser.post(PAGE, data))
    batch = drafted(intern, *["Bonjour"] * 30, models=[MODEL, OTHER], params={"temperature": 0.5})
    at = {name: reverse(f"playground:{name}", args=[batch.pk]) for name in ("batch", "delete_batch", "batch_results")}
    problem = AnswerError(code="context_too_long").as_json()
    for batch_state in Batch.State:
        for state in BatchCall.State:
            batch.calls.filter(prompt__number__lte=2).update(state=state, problem=problem, text="Bonjour")
            Batch.objects.update(state=batch_state, cap_usd=1, limit_usd=2)
        read(browser.get(at["batch"]))
    read(browser.get(PAGE))
    read(browser.get(at["delete_batch"]))
    Batch.objects.update(state=Batch.State.RUNNING)
    read(browser.post(at["delete_batch"]))
