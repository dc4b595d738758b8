"""Get started: from nothing to a first answer, with code that runs as shown."""

import html
import re
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from keys.models import GatewayModel, Key
from keys.snippets import NO_SECRET, Task, filled
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.keys.run_code import run_code
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db
GET_STARTED_URL = "/get-started/"
SHOWN: tuple[Task, ...] = ("chat", "stream", "embeddings", "models")


@pytest.fixture(autouse=True)
def offered(settings: Settings) -> None:
    """Put two models on offer, at an address of their own."""
    settings.GATEWAY_PUBLIC_URL = "https://gateway.example.edu"
    GatewayModel.objects.create(name="general_nothink", mode="chat", position=0)
    GatewayModel.objects.create(name="embedding", mode="embedding", position=1)


def code_on(page: str) -> dict[str, str]:
    """Return each code of a page by its id, as a browser would copy it."""
    found = re.findall(r'<pre[^>]*><code id="([\w-]+)"[^>]*>(.*?)</code></pre>', page, re.DOTALL)
    return {name: html.unescape(re.sub("</?mark>", "", text)) for name, text in found}


def test_shows_the_code_of_every_task_and_kind_as_it_is_run(as_intern: Client) -> None:
    shown = code_on(as_intern.get(reverse("keys:get_started")).content.decode())

    assert next(iter(shown)).startswith("chat-")  # what people try first
    for task in SHOWN:
        model = "embedding" if task == "embeddings" else "general_nothink"
        for snippet in filled(task, url="https://gateway.example.edu/v1", model=model):
            assert shown.pop(f"{task}-{snippet.id}") == snippet.code
    assert not shown


@pytest.mark.parametrize("kind", ["curl", "requests"])
def test_the_copied_code_runs_with_a_key(kind: str, as_intern: Client, sandbox: Sandbox, tmp_path: Path) -> None:
    secret = sandbox.call("POST", "/key/generate", body={"key_type": "llm_api"}).json()["key"]
    code = code_on(as_intern.get(GET_STARTED_URL).content.decode())[f"chat-{kind}"]
    language, filename = ("shell", "") if kind == "curl" else ("python", "try.py")

    done = run_code(language=language, filename=filename, code=code.replace(NO_SECRET, secret), folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "You asked about" in done.stdout


def test_shows_the_base_url_the_settings_the_advice_and_swagger(as_intern: Client) -> None:
    response = as_intern.get(GET_STARTED_URL)

    assertContains(response, ">https://gateway.example.edu/v1<")
    assertContains(response, 'href="https://gateway.example.edu/"')
    for words in (
        "temperature",
        "From 0 to 1",
        "max_tokens",
        "stream",
        "choose “This key has leaked” in My keys",
        "git",
    ):
        assertContains(response, words)


def test_people_without_a_key_are_sent_to_my_keys(as_intern: Client, intern: User) -> None:
    assertContains(as_intern.get(GET_STARTED_URL), "Create one in")

    Key.objects.create(owner=intern, kind=Key.Kind.TEMPORARY, label="thesis", state=Key.State.ACTIVE)
    assertContains(as_intern.get(GET_STARTED_URL), "You have one")


def test_the_keys_of_others_do_not_count(as_intern: Client) -> None:
    Key.objects.create(owner=make_user(), kind=Key.Kind.TEMPORARY, label="thesis", state=Key.State.ACTIVE)

    assertContains(as_intern.get(GET_STARTED_URL), "Create one in")


def test_takes_a_model_that_the_person_may_call() -> None:
    GatewayModel.objects.create(name="for-few", mode="chat", position=2)
    make_policy("Few", all_models=False, model_names=["for-few"])

    response = signed_in(make_user(groups=("Few",))).get(GET_STARTED_URL)
    assertNotContains(response, "general_nothink")
    assert "for-few" in code_on(response.content.decode())["chat-requests"]
    assert '"MODEL"' in code_on(response.content.decode())["embeddings-requests"]


def test_works_before_any_model_is_known(as_intern: Client) -> None:
    GatewayModel.objects.all().delete()

    assert '"MODEL"' in code_on(as_intern.get(GET_STARTED_URL).content.decode())["chat-requests"]


def test_a_hostile_model_name_is_text(as_intern: Client) -> None:
    GatewayModel.objects.filter(mode="chat").update(name="</code><script>alert(1)</script>")

    assertNotContains(as_intern.get(GET_STARTED_URL), "<script>alert(1)")


def test_is_translated_into_french(as_intern: Client) -> None:
    response = as_intern.get(GET_STARTED_URL, headers={"Accept-Language": "fr"})

    assertContains(response, '<html lang="fr"')
    assert code_on(response.content.decode())["chat-curl"].startswith("curl 'https://")


def test_costs_few_queries(as_intern: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_max_num_queries(8):
        as_intern.get(GET_STARTED_URL)


def test_accepts_get_only(as_intern: Client) -> None:
    assert as_intern.post(GET_STARTED_URL).status_code == 405


def test_requires_sign_in(client: Client) -> None:
    target = f"{reverse('account_login')}?next={GET_STARTED_URL}"
    assertRedirects(client.get(GET_STARTED_URL), target, fetch_redirect_response=False)
