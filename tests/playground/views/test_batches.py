"""The pages of batches: form, estimate, progress, results, and who sees them."""

import csv
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from gateway.secret import token_of
from playground.batch_models import Batch
from playground.services import batch_run
from tests.conftest import HTMX
from tests.courses.courses import enrol, make_course
from tests.keys.playground_actions import allow
from tests.playground.batches import MODEL, OTHER, drafted, started
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.tasks import waiting_tasks

PAGE = "/playground/batches/"


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    know_the_models()


def url(name: str, batch: Batch) -> str:
    return reverse(f"playground:{name}", args=[batch.pk])


def send(client: Client, prompts: str = "One\nTwo", **fields: Any) -> Any:
    return client.post(PAGE, {"prompts": prompts, "models": [MODEL], **fields})


def test_a_list_is_checked_estimated_and_started_by_its_owner(as_intern: Client, settings: Settings) -> None:
    assertContains(as_intern.get(PAGE), "No batches yet.")
    file = SimpleUploadedFile("exam.csv", b"prompt\nWhat is 2 + 2?\nWhy?")
    sent = send(as_intern, "", file=file, models=[MODEL, OTHER], temperature="0,5", limit_usd="1")
    batch = Batch.objects.get()
    assertRedirects(sent, url("batch", batch))
    page = as_intern.get(url("batch", batch))
    assertContains(page, "0 of 4 answers")
    assertContains(page, "about 0.00")
    assertContains(page, "What is 2 + 2?")
    assert (batch.params, batch.limit_usd) == ({"temperature": 0.5}, Decimal(1))
    settings.CURRENCY, settings.CURRENCY_RATE = "EUR", Decimal("0.9")
    assertContains(as_intern.get(url("batch", batch)), "Limit of this batch: 0.90\u00a0EUR (1.00\u00a0USD).")

    assertRedirects(as_intern.post(url("start_batch", batch)), url("batch", batch))
    assert waiting_tasks() == [("playground.run_batches", [])]
    running = as_intern.get(url("batch", batch), headers=HTMX)
    assertContains(running, "Look again")
    assert "HX-Refresh" not in running.headers
    batch_run.run_batches()
    assert as_intern.get(url("batch", batch), headers=HTMX).headers["HX-Refresh"] == "true"
    assertContains(as_intern.get(url("batch", batch)), "4 of 4 answers")
    assertContains(as_intern.get(PAGE), "Finished")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompts": ""}, "There is no prompt in it"),
        ({"prompts": "x\n" * 201}, "These are 201 prompts"),
        ({"models": []}, "Choose 1 to 4 models."),
        ({"models": ["gpt-4o-mini", "llama-70b", "claude-3-haiku", "general_nothink", "reasoner"]}, "Choose"),
        ({"models": ["nonsense"]}, "You cannot call “nonsense” here"),
        ({"limit_usd": "-1"}, "greater than or equal to 0"),
        ({"max_tokens": "x"}, "Enter a whole number"),
        ({"file": SimpleUploadedFile("exam.csv", b"%PDF-1.7")}, "is no CSV file"),
    ],
)
def test_refuses_in_words_and_keeps_what_was_typed(as_intern: Client, fields: dict[str, Any], words: str) -> None:
    refused = send(as_intern, **{"system": "Be brief", **fields})
    assertContains(refused, words, status_code=422)
    assertContains(refused, "Be brief", status_code=422)
    assert not Batch.objects.exists()


def test_a_student_chooses_who_pays(as_intern: Client, intern: User, staff: User) -> None:
    course = make_course(staff, team__playground_budget_usd=Decimal("0.5"), team__model_names=[MODEL])
    enrol(course, intern)
    assertContains(as_intern.get(PAGE), course.name)
    assertContains(send(as_intern, models=[OTHER], payer=str(course.pk)), "does not pay for", status_code=422)
    send(as_intern, payer=str(course.pk))
    batch = Batch.objects.get()
    assert batch.paid_by == course
    assertContains(as_intern.get(url("batch", batch)), f"Paid by {course.name}")


def test_says_on_its_page_why_it_does_not_start(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    batch = drafted(intern, "Hello")
    sandbox.faults("*", "drop_before", times=20)
    assertContains(as_intern.post(url("start_batch", batch)), "does not answer", status_code=503)
    sandbox.clear_faults()
    allow(playground__allowed=False)
    assertContains(as_intern.post(url("start_batch", batch)), "cannot be called any more", status_code=422)
    batch.refresh_from_db()
    assert batch.state == Batch.State.DRAFT


def test_is_stopped_and_gone_on_with_and_deleted_once_it_does_not_run(as_intern: Client, intern: User) -> None:
    batch = started(intern, "Hello")
    assertContains(as_intern.post(url("delete_batch", batch)), "Stop it, then delete it", status_code=409)
    as_intern.post(url("stop_batch", batch))
    assertContains(as_intern.get(url("batch", batch)), "Go on")
    assertContains(as_intern.get(url("delete_batch", batch)), "Delete “exam.csv”?")
    assertRedirects(as_intern.post(url("delete_batch", batch)), PAGE)
    assert not Batch.objects.exists()


def test_what_failed_or_is_unknown_is_retried_by_a_click(as_intern: Client, intern: User, sandbox: Sandbox) -> None:
    batch = started(intern, "Hello")
    sandbox.faults("/chat/completions", "drop_after")
    batch_run.run_batches()
    page = as_intern.get(url("batch", batch))
    assertContains(page, "it may be billed twice")
    assertNotContains(page, "Retry what failed")
    assert as_intern.post(url("retry_batch", batch), {"what": "complete"}).status_code == 400
    assertRedirects(as_intern.post(url("retry_batch", batch), {"what": "unknown"}), url("batch", batch))
    batch_run.run_batches()
    assert batch.calls.get().state == "complete"


def test_results_are_a_file_without_formulas(as_intern: Client, intern: User) -> None:
    batch = started(intern, "=HYPERLINK(1) [echo]", "Bad [too-long]")
    batch_run.run_batches()
    answer = as_intern.get(url("batch_results", batch))
    rows = list(csv.DictReader(StringIO(b"".join(answer).decode())))
    assert [row["state"] for row in rows] == ["complete", "failed"]
    assert rows[0]["prompt"].startswith("'=HYPERLINK")
    assert rows[0]["answer"].startswith("'=HYPERLINK")
    assert Decimal(rows[0]["cost_usd"]) > 0
    assert rows[1]["problem"]
    for_people = b"".join(as_intern.get(url("batch_results", batch), {"for": "people"})).decode()
    assert for_people.startswith("\ufeff")
    assert "Tokens out" in for_people
    as_json = as_intern.get(url("batch_json", batch)).json()
    assert (as_json["models"], as_json["state"]) == ([MODEL], "done")
    assert [result["prompt"] for result in as_json["results"]] == ["=HYPERLINK(1) [echo]", "Bad [too-long]"]
    assert as_json["results"][0]["answer"].startswith("=HYPERLINK")


def test_text_of_models_is_escaped_and_no_secret_is_stored(as_intern: Client, intern: User) -> None:
    batch = started(intern, "<script>alert(1)</script> [echo]")
    batch_run.run_batches()
    page = as_intern.get(url("batch", batch)).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert token_of("sk-x") not in page


def test_shows_many_prompts_in_pages_with_few_queries(
    as_intern: Client, intern: User, django_assert_max_num_queries: Any
) -> None:
    batch = drafted(intern, *[f"Prompt {number}." for number in range(60)], models=[MODEL, OTHER])
    with django_assert_max_num_queries(16):
        page = as_intern.get(url("batch", batch))
    assertContains(page, "1 to 25 of 60")
    assertContains(as_intern.get(url("batch", batch), {"page": "3"}), "Prompt 59.")
    with django_assert_max_num_queries(16):
        as_intern.get(PAGE)


def test_lists_every_batch_page_by_page(as_intern: Client, intern: User) -> None:
    Batch.objects.bulk_create(Batch(owner=intern, title=f"List {number}.", model_names=[MODEL]) for number in range(26))
    first = as_intern.get(PAGE)
    assertContains(first, "List 25.")
    assertContains(first, "1 to 25 of 26")
    assertContains(as_intern.get(PAGE, {"page": "2"}), "List 0.")


def test_limits_are_settings(as_intern: Client, settings: Settings) -> None:
    settings.PLAYGROUND_BATCH_PROMPTS, settings.PLAYGROUND_BATCH_MODELS = 1, 1
    assertContains(send(as_intern), "1 are allowed", status_code=422)
    assertContains(send(as_intern, "One", models=[MODEL, OTHER]), "Choose 1 to 1 models", status_code=422)
