"""The Models page: what a person can call, from our own copy."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from keys.models import GatewayModel, GatewayState
from tests.conftest import HTMX, signed_in
from tests.factories import make_policy, make_user
from tests.ports import free_port

pytestmark = pytest.mark.django_db
MODELS_URL = "/models/"


@pytest.fixture(autouse=True)
def offered() -> None:
    """Put four models on offer."""
    GatewayState.objects.update(checked_at=timezone.now(), ok_at=timezone.now(), models_at=timezone.now())
    rows = [
        ("general_nothink", "chat", "hosted_vllm", 32_768, Decimal("0.5")),
        ("gpt-4o-mini", "chat", "openai", 128_000, Decimal("0.15")),
        ("mystery", "chat", "", None, None),
        ("embedding", "embedding", "openai", 8_191, Decimal("0.1")),
    ]
    for position, (name, mode, provider, context, price) in enumerate(rows):
        GatewayModel.objects.create(
            name=name,
            mode=mode,
            provider=provider,
            max_input_tokens=context,
            input_usd_per_million=price,
            position=position,
        )


def shown(client: Client, **query: str) -> list[str]:
    response = client.get(MODELS_URL, query)
    assert response.status_code == 200
    return [row.model.name for row in response.context["models"]]


def test_shows_each_model_with_provider_context_and_price(as_intern: Client) -> None:
    response = as_intern.get(reverse("catalogue:index"))

    assertContains(response, "gpt-4o-mini")
    assertContains(response, "hosted_vllm")
    assertContains(response, "128,000")
    assertContains(response, "0.15")
    assertContains(response, "The 4 models that you may call")


def test_shows_only_what_the_policy_allows() -> None:
    make_policy("Few", all_models=False, model_names=["embedding", "not-there"])
    client = signed_in(make_user(groups=("Few",)))

    assert shown(client) == ["embedding"]
    assertNotContains(client.get(MODELS_URL), "gpt-4o-mini")
    assert shown(client, q="gpt") == []


def test_models_on_request_have_a_link_to_ask_for_them() -> None:
    listed = ["mystery", "gpt-4o-mini", "not-there"]
    make_policy("Few", all_models=False, model_names=["embedding", "mystery"], on_request=listed)
    client = signed_in(make_user(groups=("Few",)))

    page = client.get(MODELS_URL)
    assert [row.model.name for row in page.context["on_request"]] == ["gpt-4o-mini"]
    assertContains(page, 'href="/requests/ask/?thing=model&amp;name=gpt-4o-mini"')
    assertContains(client.get(MODELS_URL, {"q": "gpt"}, headers=HTMX), "Ask for it")
    assertNotContains(client.get(MODELS_URL, {"mode": "embedding"}), "Ask for it")
    asked = client.get("/requests/ask/?thing=model&name=gpt-4o-mini").content.decode()
    assert '<option value="gpt-4o-mini" selected>' in asked
    assert "general_nothink" not in asked


def test_of_several_groups_a_model_that_one_allows_is_not_on_request() -> None:
    make_policy("Few", all_models=False, model_names=["embedding"], on_request=["mystery"])
    make_policy("Some", all_models=False, model_names=["mystery"])
    client = signed_in(make_user(groups=("Few", "Some")))

    assertNotContains(client.get(MODELS_URL), "Ask for it")
    assertContains(client.get("/requests/ask/?thing=model"), "general_nothink")  # the second policy lists none


def test_says_so_when_the_policy_allows_none() -> None:
    make_policy("None", all_models=False, model_names=["nowhere"])

    assertContains(signed_in(make_user(groups=("None",))).get(MODELS_URL), "may not call any")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"q": "GPT"}, ["gpt-4o-mini"]),
        ({"q": " openai "}, ["embedding", "gpt-4o-mini"]),
        ({"q": "no such model"}, []),
        ({"mode": "embedding"}, ["embedding"]),
        ({"q": "openai", "mode": "chat"}, ["gpt-4o-mini"]),
        ({"order": "price"}, ["embedding", "gpt-4o-mini", "general_nothink", "mystery"]),
        ({"order": "context"}, ["gpt-4o-mini", "general_nothink", "embedding", "mystery"]),
        ({"order": "name"}, ["embedding", "general_nothink", "gpt-4o-mini", "mystery"]),
        ({"order": "owner__password"}, ["embedding", "general_nothink", "gpt-4o-mini", "mystery"]),
    ],
)
def test_filters_and_sorts_by_the_url(as_intern: Client, query: dict[str, str], names: list[str]) -> None:
    assert shown(as_intern, **query) == names


@pytest.mark.parametrize(
    "odd", ["\0", "gpt\0", "%", "_", "\\", "'; DROP TABLE keys_key; --", "x" * 5000, "\u202e", "😀"]
)
def test_invalid_search_text_finds_nothing(as_intern: Client, odd: str) -> None:
    assert set(shown(as_intern, q=odd, mode="")) <= {"general_nothink", "gpt-4o-mini", "mystery", "embedding"}
    assert set(shown(as_intern, mode=odd)) <= {"general_nothink", "gpt-4o-mini", "mystery", "embedding"}


def test_what_was_searched_and_names_are_escaped(as_intern: Client) -> None:
    GatewayModel.objects.create(name="<script>alert(1)</script>", mode="<b>odd", provider="<i>")

    response = as_intern.get(MODELS_URL, {"q": "<script>"})
    assertContains(response, "&lt;script&gt;alert(1)&lt;/script&gt;")
    assertNotContains(response, "<script>alert(1)")
    assertNotContains(response, "<b>odd")
    assertContains(response, 'value="&lt;script&gt;"')


def test_htmx_gets_the_list_only(as_intern: Client) -> None:
    response = as_intern.get(MODELS_URL, {"q": "gpt"}, headers=HTMX)

    assertContains(response, "gpt-4o-mini")
    assertNotContains(response, "general_nothink")
    assertNotContains(response, "<html")
    assertNotContains(response, 'name="q"')


def test_needs_no_gateway(as_intern: Client, settings: Settings) -> None:
    settings.GATEWAY_URL = f"http://127.0.0.1:{free_port()}"
    GatewayState.objects.update(down_since=timezone.now() - timedelta(minutes=2), problem="unreachable")

    response = as_intern.get(MODELS_URL)
    assertContains(response, "gpt-4o-mini")
    assertContains(response, "The gateway has not answered the portal’s checks since")


def test_says_so_before_the_first_list(as_intern: Client) -> None:
    GatewayModel.objects.all().delete()
    GatewayState.objects.all().delete()

    assertContains(as_intern.get(MODELS_URL), "No list yet")


def test_costs_few_queries_and_has_pages(
    as_intern: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = (GatewayModel(name=f"model-{number}", mode="chat", features=["tools"]) for number in range(300))
    GatewayModel.objects.bulk_create(rows)

    with django_assert_max_num_queries(8):
        first = as_intern.get(MODELS_URL, {"q": "model-", "has": "tools"})
    assertContains(first, "1 to 100 of 300")
    assertContains(first, ">300 models<")
    second = as_intern.get(first.context["next"], headers=HTMX)
    assertContains(second, "101 to 200 of 300")
    assert second.context["previous"] == f"{MODELS_URL}?q=model-&has=tools"
    assert [len(shown(as_intern, q="model-", page=page)) for page in ("3", "9", "x")] == [100] * 3
    assert "model-99" in shown(as_intern, q="model-", page="9")


def test_models_on_request_are_on_the_last_pages() -> None:
    callable_ones = [f"model-{number:03}" for number in range(100)]
    GatewayModel.objects.bulk_create(GatewayModel(name=name, mode="chat") for name in callable_ones)
    make_policy("Few", all_models=False, model_names=callable_ones, on_request=["embedding"])
    client = signed_in(make_user(groups=("Few",)))

    first, second = client.get(MODELS_URL), client.get(MODELS_URL, {"page": "2"})

    assertContains(first, "The 100 models that you may call")
    assertNotContains(first, "Ask for it")
    assert [row.model.name for row in second.context["on_request"]] == ["embedding"]
    assert not second.context["models"]


def test_accepts_get_only(as_intern: Client) -> None:
    assert as_intern.post(MODELS_URL).status_code == 405


def test_requires_sign_in(client: Client) -> None:
    assertRedirects(
        client.get(MODELS_URL), f"{reverse('account_login')}?next={MODELS_URL}", fetch_redirect_response=False
    )
