"""The page of one model: prices by example, access, spend, code; and the texts that administrators write."""

from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import AuditEntry, Policy, User
from catalogue.models import ModelNote
from keys.models import GatewayModel
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.people.conftest import with_permissions
from tests.usage.views.facts import key_of, used

pytestmark = pytest.mark.django_db
NAME = "lab/small:1"
PAGE = reverse("catalogue:model", args=[NAME])
DESCRIBE = reverse("catalogue:describe", args=[NAME])
TEXTS = {
    "good_for_en": "short summaries",
    "good_for_fr": "",
    "text_en": "See www.example.edu <b>",
    "text_fr": "Bonjour",
}


@pytest.fixture(autouse=True)
def small() -> GatewayModel:
    price = {"input_usd_per_million": Decimal(10), "output_usd_per_million": Decimal(20)}
    return GatewayModel.objects.create(name=NAME, mode="chat", provider="openai", max_input_tokens=128_000, **price)


@pytest.fixture
def describer(db: None) -> Client:
    return signed_in(with_permissions("describer", "describe_models"))


def test_shows_price_by_example_size_access_and_code(as_intern: Client) -> None:
    page = as_intern.get(PAGE)

    for text in ("≈ 0.0067\u00a0USD", "≈ 0.01\u00a0USD", "128,000 tokens", "Temporary keys", "Not known"):
        assertContains(page, text)
    assertContains(page, f'href="{reverse("playground:index")}?model=lab%2Fsmall%3A1"')
    assertContains(page, "base_url")
    assertNotContains(page, "Everyone’s spend")
    assertNotContains(page, "Describe")


@pytest.mark.parametrize("name", ["describe/small", 'a "b" <c>/?&#%é\'', "l" * 60, "/x/"])
def test_any_name_has_a_page(as_intern: Client, as_admin: Client, name: str) -> None:
    GatewayModel.objects.create(name=name, mode="chat")

    for page in (as_intern.get(reverse("catalogue:index")), as_intern.get(reverse("catalogue:model", args=[name]))):
        assertContains(page, f'translate="no">{escape(name)}</')
    for route in ("describe", "model"):
        assertContains(as_admin.get(reverse(f"catalogue:{route}", args=[name])), escape(name))


def test_a_model_that_the_person_can_neither_call_nor_request_is_not_found() -> None:
    make_policy("Few", all_models=False, model_names=["other"], on_request=["third"])
    few = make_user("few", groups=("Few",))
    assert signed_in(few).get(PAGE).status_code == 404

    Policy.objects.filter(group__name="Few").update(on_request=[NAME])
    page = signed_in(few).get(PAGE)
    assertContains(page, "Ask for this model")
    assertContains(page, "Your keys cannot call it")
    assertNotContains(page, f'?model=lab%2Fsmall%3A1">{"Try"}')


def test_spend_is_the_persons_own_and_everybodys_for_whoever_sees_it(
    as_admin: Client,
    as_intern: Client,
    intern: User,
    staff: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    used(key_of(intern), "1.5", model=NAME, ok_requests=2)
    used(key_of(staff), "2", model=NAME, days_ago=29)
    used(key_of(staff, "old"), "8", model=NAME, days_ago=30)

    with django_assert_max_num_queries(7):
        own = as_intern.get(PAGE)
    assert (own.context["own"].usd, own.context["own"].requests, own.context["everyone"]) == (Decimal("1.5"), 2, None)
    with django_assert_max_num_queries(8):
        page = as_admin.get(PAGE)
    assert page.context["everyone"].usd == Decimal("3.5")
    assertContains(page, "Default policy")


def test_texts_are_saved_escaped_audited_and_shown_in_the_readers_language(
    describer: Client, as_intern: Client
) -> None:
    assertContains(describer.get(DESCRIBE), "Save")

    assertRedirects(describer.post(DESCRIBE, TEXTS), PAGE)
    describer.post(DESCRIBE, TEXTS)  # nothing new

    entry = AuditEntry.objects.get(object_kind="model")
    assert entry.label == NAME
    assert "short summaries" in entry.remark
    page = as_intern.get(PAGE)
    assertContains(page, 'href="https://www.example.edu"')
    assertContains(page, "&lt;b&gt;")
    assertContains(as_intern.get(reverse("catalogue:index"), {"q": "summaries"}), NAME)
    with translation.override("fr"):
        note = ModelNote.objects.get()
        assert (note.text, note.good_for) == ("Bonjour", "short summaries")
    assertContains(describer.get(DESCRIBE), entry.sentence)


def test_texts_that_are_too_long_are_refused_and_the_texts_are_for_whoever_may_describe(
    describer: Client, as_intern: Client, as_staff: Client
) -> None:
    assert describer.post(DESCRIBE, {**TEXTS, "good_for_en": "x" * 121}).status_code == 422
    for browser in (as_intern, as_staff):
        assert browser.get(DESCRIBE).status_code == 403
        assert browser.post(DESCRIBE, TEXTS).status_code == 403
    assert describer.get(reverse("catalogue:describe", args=["nothing"])).status_code == 404
    assert not ModelNote.objects.exists()


def test_writing_has_a_limit_an_hour(describer: Client, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    describer.post(DESCRIBE, TEXTS)

    response = describer.post(DESCRIBE, {**TEXTS, "text_en": "Other"})

    assert response.status_code == 429
    assert int(response["Retry-After"]) > 0
