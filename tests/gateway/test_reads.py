"""Models, people, health, usage: each verb with its recorded answer."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayKeyRefused, GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.inference_types import Message
from gateway.types import ActivityRow, TeamInfo
from tests.gateway.conftest import ADMIN_KEY, SECRET
from tests.gateway.stub import StubGateway, recorded, recording, says


def test_model_names_are_those_of_the_key(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("models", "names"))

    assert gateway.models.names(SECRET) == ("gpt-4o-mini", "embedding")
    assert (stub.last.path, stub.last.headers["authorization"]) == ("/v1/models", f"Bearer {SECRET}")
    gateway.models.names()
    assert stub.last.headers["authorization"] == f"Bearer {ADMIN_KEY}"


def test_model_info_reads_mode_sizes_prices_and_provider(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("models", "info"))

    plain, mini = gateway.models.info()

    assert stub.last.path == "/model/info"
    assert (mini.name, mini.mode, mini.provider) == ("gpt-4o-mini", "chat", "openai")
    assert (mini.max_input_tokens, mini.max_output_tokens) == (128000, 16384)
    assert (mini.input_usd_per_million, mini.output_usd_per_million) == (Decimal("0.15"), Decimal("0.6"))
    assert (mini.supports_vision, mini.supports_tools, mini.supports_reasoning) == (True, True, None)
    assert (plain.name, plain.max_input_tokens, plain.supports_vision) == ("general_nothink", None, None)


def test_model_info_is_one_per_name_and_knows_less_of_odd_details(stub: StubGateway, gateway: Gateway) -> None:
    odd = {"mode": 3, "max_input_tokens": "many", "max_output_tokens": 128000.0, "output_cost_per_token": 2e-05}
    stub.will(
        says(
            {
                "data": [
                    {"model_name": "a", "model_info": odd, "litellm_params": {"model": "mistral/small"}},
                    {"model_name": "a", "model_info": {"mode": "chat"}},
                    {"model_name": "b"},
                ]
            }
        )
    )

    a, b = gateway.models.info()

    assert (a.mode, a.provider, a.max_input_tokens, a.max_output_tokens) == (None, "mistral", None, 128000)
    assert str(a.output_usd_per_million) == "20"
    assert (b.mode, b.provider) == (None, None)


def test_team_is_read(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("teams", "team"))

    assert gateway.people.team("team-afb7f9") == TeamInfo(
        team_id="team-afb7f9",
        alias="Group afb7f9",
        budget_usd=Decimal(100),
        budget_duration="30d",
        budget_reset_at=datetime(2026, 12, 1, tzinfo=UTC),
        spend_usd=Decimal(0),
        models=("gpt-4o-mini", "llama-70b"),
        member_ids=("default_user_id", "user-afb7f9"),
        blocked=False,
        metadata={"x": 1},
    )
    assert (stub.last.path, stub.last.query) == ("/team/info", {"team_id": "team-afb7f9"})


def test_an_unknown_team_is_not_found_despite_its_error_type(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("teams", "unknown team"))

    with pytest.raises(GatewayNotFound):
        gateway.people.team("none")


def test_liveness_is_litellms_text_and_needs_no_key(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("health", "liveliness"))

    assert gateway.health.liveness() == "I'm alive!"
    assert stub.last.path == "/health/liveliness"
    assert "authorization" not in stub.last.headers


def test_readiness_reports_the_database_and_needs_no_key(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("health", "readiness"))

    given = gateway.health.readiness()

    assert (given.status, given.db, given.version) == ("healthy", "connected", None)
    assert (stub.last.path, "authorization" in stub.last.headers) == ("/health/readiness", False)


def test_details_include_the_version_for_the_admin_only(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("health", "details"), recorded("health", "details refused"))

    assert gateway.health.details().version == "1.106.2"
    assert (stub.last.path, stub.last.headers["authorization"]) == (
        "/health/readiness/details",
        f"Bearer {ADMIN_KEY}",
    )
    with pytest.raises(GatewayKeyRefused):
        gateway.health.details()


def test_activity_yields_every_page(stub: StubGateway, gateway: Gateway) -> None:
    last = recording("activity", "page 2")["response"]["body"]
    last["metadata"] |= {"has_more": False, "total_pages": 2}
    stub.will(recorded("activity", "page 1"), says(last))

    pages = list(gateway.usage.daily_activity(date(2026, 11, 20), date(2026, 11, 22), page_size=2))

    assert [asked.query["page"] for asked in stub.asked] == ["1", "2"]
    assert (stub.last.path, stub.last.query["page_size"]) == ("/user/daily/activity", "2")
    assert (stub.last.query["start_date"], stub.last.query["end_date"]) == ("2026-11-20", "2026-11-22")
    assert [(page.page, page.has_more, len(page.rows)) for page in pages] == [(1, True, 2), (2, False, 2)]
    assert all(page.took_s > 0 for page in pages)
    paid = next(row for row in pages[1].rows if row.spend_usd)
    assert paid == ActivityRow(
        day=date(2026, 11, 21),
        model_group="gpt-4o-mini",
        token="7bac8e71" + paid.token[8:],
        alias=None,
        user_id="user-afb7f9",
        user_email="first-afb7f9@example.org",
        team_id=None,
        key_exists=True,
        spend_usd=Decimal("0.000015"),
        prompt_tokens=4,
        completion_tokens=24,
        cache_read_tokens=0,
        cache_creation_tokens=0,
        requests=2,
        successful_requests=2,
        failed_requests=0,
        response_time_ms=Decimal(15),
    )


@pytest.mark.parametrize(("title", "status"), [("bad date", 400), ("page size", 422)])
def test_activity_refuses_what_the_gateway_refuses(
    stub: StubGateway, gateway: Gateway, title: str, status: int
) -> None:
    stub.will(recorded("activity", title))

    with pytest.raises(GatewayRejected) as refusal:
        next(gateway.usage.daily_activity(date(2026, 11, 20), date(2026, 11, 22)))
    assert refusal.value.status == status


def test_failures_without_a_known_model_are_read(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("activity", "without a model"))

    (page,) = gateway.usage.daily_activity(date(2026, 11, 21), date(2026, 11, 21))

    whole = recording("activity", "without a model")["response"]["body"]["results"][0]["metrics"]
    (rest,) = [row for row in page.rows if not row.model_group]
    assert (rest.token, rest.failed_requests, rest.successful_requests) == ("litellm_proxy_master_key", 2, 0)
    assert rest.spend_usd == 0
    assert sum(row.failed_requests for row in page.rows) == whole["failed_requests"] == 4
    assert sum(row.prompt_tokens for row in page.rows) == whole["prompt_tokens"]


def test_the_totals_of_a_day_are_the_gateways_own(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("activity", "totals"))

    given = gateway.usage.day_totals(date(2026, 11, 21))

    assert stub.last.path == "/user/daily/activity/aggregated"
    assert stub.last.query == {"start_date": "2026-11-21", "end_date": "2026-11-21", "api_key_limit": "1"}
    assert (given.spend_usd, given.prompt_tokens, given.completion_tokens) == (
        Decimal("0.0005169750000000001"),
        301,
        465,
    )
    assert (given.successful_requests, given.failed_requests) == (46, 44)
    assert given.took_s > 0


@pytest.mark.parametrize("metadata", [{}, {"total_pages": None}, {"total_pages": 3, "page": 2}])
def test_activity_without_its_envelope_does_not_count_as_an_empty_day(
    stub: StubGateway, gateway: Gateway, metadata: dict[str, object]
) -> None:
    stub.will(says({"results": [], "metadata": metadata}))

    with pytest.raises(GatewayUnavailable):
        next(gateway.usage.daily_activity(date(2026, 11, 20), date(2026, 11, 22)))


def test_totals_without_spend_do_not_count_as_an_empty_day(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({"results": [], "metadata": {}}))

    with pytest.raises(GatewayUnavailable):
        gateway.usage.day_totals(date(2026, 11, 20))


def test_cost_of_messages(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("spend", "from messages"))

    cost_usd = gateway.usage.calculate_cost(model="gpt-4o-mini", messages=[Message(role="user", content="hello")])

    assert cost_usd == Decimal("0.0000012")
    assert stub.last.path == "/spend/calculate"
    assert stub.last.body == recording("spend", "from messages")["request"]["body"]


def test_cost_of_tokens(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("spend", "from a completion"))

    cost_usd = gateway.usage.calculate_cost(model="gpt-4o-mini", prompt_tokens=1000, completion_tokens=1000)

    assert cost_usd == Decimal("0.0007499999999999999")
    asked = stub.last.body["completion_response"]
    assert asked["model"] == "gpt-4o-mini"
    assert asked["usage"] == recording("spend", "from a completion")["request"]["body"]["completion_response"]["usage"]
