from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.client import Gateway
from gateway.errors import GatewayNotFound, GatewayRejected, GatewayUnavailable
from gateway.secret import token_of
from gateway.types import KeyInfo
from tests.gateway.conftest import ADMIN_KEY, SECRET
from tests.gateway.stub import StubGateway, recorded, recording, says

TOKEN = "1ea3db99ebc11bf5a3e80bcba6a9a949cd3a9fabfe702c9b64ede7445f6739a1"
LAPTOP: Mapping[str, Any] = {
    "user_id": "passerelle-1",
    "alias": "laptop",
    "duration": "30d",
    "budget_usd": Decimal("2.5"),
    "budget_duration": "30d",
    "models": ("gpt-4o-mini", "general_nothink"),
    "rpm_limit": 600,
    "tpm_limit": 60000,
    "metadata": {"portal": "key 7"},
}
UNLIMITED: Mapping[str, Any] = dict.fromkeys(
    ("duration", "budget_usd", "budget_duration", "models", "rpm_limit", "tpm_limit")
)


def test_generate_sends_the_allow_list_and_reads_the_key(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "generate"))

    issued = gateway.keys.generate(**LAPTOP)

    assert (stub.last.method, stub.last.path) == ("POST", "/key/generate")
    assert stub.last.headers["authorization"] == f"Bearer {ADMIN_KEY}"
    assert stub.last.body == {
        "user_id": "passerelle-1",
        "key_alias": "laptop",
        "duration": "30d",
        "max_budget": 2.5,
        "budget_duration": "30d",
        "models": ["gpt-4o-mini", "general_nothink"],
        "rpm_limit": 600,
        "tpm_limit": 60000,
        "metadata": {"portal": "key 7"},
        "key_type": "llm_api",
    }
    assert issued.secret == recording("keys", "generate")["response"]["body"]["key"]
    assert issued.token == token_of(issued.secret) == TOKEN
    assert issued.last_four == "DtvA"
    assert (issued.alias, issued.user_id) == ("laptop-afb7f9", "user-afb7f9")
    assert issued.expires_at == datetime(2026, 12, 21, 2, 48, 53, 36607, UTC)


def test_generate_without_limits_sends_none_of_them(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "generate custom"))

    issued = gateway.keys.generate(user_id="u", alias="a", metadata={}, **UNLIMITED)

    assert stub.last.body == {"user_id": "u", "key_alias": "a", "metadata": {}, "key_type": "llm_api"}
    assert issued.expires_at is None


def test_generate_passes_on_a_secret_of_ours_and_what_its_predecessor_spent(
    stub: StubGateway, gateway: Gateway
) -> None:
    stub.will(recorded("keys", "generate custom"))

    gateway.keys.generate(**{**LAPTOP, "secret": SECRET, "spend_usd": Decimal("0.02")})

    assert stub.last.body["key"] == SECRET
    assert stub.last.body["spend"] == 0.02


def test_generate_and_update_name_a_team_where_one_is_given(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "generate custom"))

    gateway.keys.generate(**{**LAPTOP, "team_id": "team-1"})
    assert stub.last.body["team_id"] == "team-1"

    gateway.keys.update(TOKEN, user_id=None, team_id="team-1")
    assert stub.last.body == {"key": TOKEN, "user_id": None, "team_id": "team-1"}


def test_generate_refuses_an_empty_list_of_models_which_would_allow_all(stub: StubGateway, gateway: Gateway) -> None:
    with pytest.raises(GatewayRejected, match="empty_models"):
        gateway.keys.generate(**{**LAPTOP, "models": []})
    assert not stub.asked


@pytest.mark.parametrize("duration", ["30D", "30 days", "1y", "-5d", "0d", "", "30"])
def test_generate_refuses_durations_that_the_gateway_does_not_know(
    stub: StubGateway, gateway: Gateway, duration: str
) -> None:
    with pytest.raises(GatewayRejected, match="invalid_duration"):
        gateway.keys.generate(**{**LAPTOP, "duration": duration})
    assert not stub.asked


def test_generate_reports_that_an_alias_is_taken(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "alias taken"))

    with pytest.raises(GatewayRejected) as refusal:
        gateway.keys.generate(**LAPTOP)

    assert (refusal.value.status, refusal.value.param) == (400, "key_alias")
    assert refusal.value.type == "bad_request_error"


def test_generate_reports_a_value_of_the_wrong_type(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "wrong type"))

    with pytest.raises(GatewayRejected, match="422.*max_budget"):
        gateway.keys.generate(**LAPTOP)


def test_generate_is_never_repeated(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(says({}, status=503))

    with pytest.raises(GatewayUnavailable) as failure:
        gateway.keys.generate(**LAPTOP)

    assert failure.value.may_have_happened
    assert len(stub.asked) == 1


def test_info_reads_all_of_a_key(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "info"))

    info = gateway.keys.info(TOKEN)

    assert (stub.last.method, stub.last.path, stub.last.query) == ("GET", "/key/info", {"key": TOKEN})
    assert info == KeyInfo(
        token=TOKEN,
        alias="laptop-afb7f9",
        key_name="sk-...DtvA",
        last_four="DtvA",
        user_id="user-afb7f9",
        team_id=None,
        expires_at=datetime(2026, 12, 21, 2, 48, 53, 36000, UTC),
        created_at=datetime(2026, 11, 21, 2, 48, 53, 39000, UTC),
        last_active_at=None,
        blocked=False,
        deleted=False,
        models=("gpt-4o-mini", "general_nothink"),
        routes=(),
        budget_usd=Decimal("2.5"),
        budget_duration="30d",
        budget_reset_at=datetime(2026, 12, 1, tzinfo=UTC),
        spend_usd=Decimal(0),
        rpm_limit=600,
        tpm_limit=60000,
        metadata={"tags": ["t1"], "purpose": "notebook"},
    )


def test_info_distinguishes_a_deleted_key_from_an_unknown_one(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "info deleted"), recorded("keys", "info unknown"))

    assert gateway.keys.info(TOKEN).deleted
    with pytest.raises(GatewayNotFound):
        gateway.keys.info(TOKEN)


def test_renew_returns_the_expiry_that_the_gateway_set(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "renew"))

    info = gateway.keys.renew(TOKEN, duration="30d")

    assert (stub.last.path, stub.last.body) == ("/key/update", {"key": TOKEN, "duration": "30d"})
    assert info.expires_at == datetime(2026, 12, 21, 2, 48, 55, 393000, UTC)


def test_update_sends_what_is_given_and_none_to_clear(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "update"), recorded("keys", "never expires"))

    info = gateway.keys.update(
        TOKEN, models=["gpt-4o-mini"], budget_usd=Decimal(3), rpm_limit=500, metadata={"purpose": "changed"}
    )
    assert stub.last.body == {
        "key": TOKEN,
        "models": ["gpt-4o-mini"],
        "max_budget": 3.0,
        "rpm_limit": 500,
        "metadata": {"purpose": "changed"},
    }
    assert (info.budget_usd, info.models, info.rpm_limit) == (Decimal(3), ("gpt-4o-mini",), 500)

    info = gateway.keys.update(TOKEN, duration=None, models=None)
    assert stub.last.body == {"key": TOKEN, "duration": None, "models": []}
    assert info.expires_at is None


def test_update_of_an_unknown_key_is_not_found(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "update unknown"))

    with pytest.raises(GatewayNotFound):
        gateway.keys.renew(TOKEN, duration="30d")


def test_list_reads_all_pages_in_an_order_without_ties(stub: StubGateway, gateway: Gateway) -> None:
    two = recording("keys", "list page 1")["response"]["body"]
    one = recording("keys", "list page 2")["response"]["body"]
    stub.will(says({**two, "total_pages": 2}), says({**one, "total_pages": 2}))

    keys = list(gateway.keys.list(user_id="user-afb7f9"))

    assert [key.token for key in keys] == [row["token"] for row in two["keys"] + one["keys"]]
    assert [asked.query["page"] for asked in stub.asked] == ["1", "2"]
    assert stub.last.query == {
        "user_id": "user-afb7f9",
        "return_full_object": "true",
        "sort_by": "token",
        "sort_order": "asc",
        "size": "100",
        "page": "2",
    }


def test_list_by_alias_may_be_empty(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "list past the end"))

    assert list(gateway.keys.list(alias="laptop")) == []
    assert stub.last.query["key_alias"] == "laptop"


def test_block_and_unblock(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "block"), recorded("keys", "unblock"))

    assert gateway.keys.block(TOKEN).blocked
    assert (stub.last.path, stub.last.body) == ("/key/block", {"key": TOKEN})
    assert not gateway.keys.unblock(TOKEN).blocked
    assert (stub.last.path, stub.last.body) == ("/key/unblock", {"key": TOKEN})


def test_delete_is_by_token(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "delete"))

    gateway.keys.delete([TOKEN])

    assert (stub.last.path, stub.last.body) == ("/key/delete", {"keys": [TOKEN]})


def test_delete_of_nothing_makes_no_call(stub: StubGateway, gateway: Gateway) -> None:
    gateway.keys.delete([])
    assert not stub.asked


def test_delete_of_unknown_keys_only_is_not_found(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(recorded("keys", "delete unknown"))

    with pytest.raises(GatewayNotFound):
        gateway.keys.delete([TOKEN])


@pytest.mark.parametrize(
    "action",
    [
        lambda keys: keys.info(SECRET),
        lambda keys: keys.renew(SECRET, duration="1d"),
        lambda keys: keys.block(SECRET),
        lambda keys: keys.unblock(SECRET),
        lambda keys: keys.delete([SECRET]),
    ],
    ids=["info", "renew", "block", "unblock", "delete"],
)
def test_a_secret_in_place_of_a_token_is_never_sent(
    stub: StubGateway, gateway: Gateway, action: Callable[[Any], object]
) -> None:
    with pytest.raises(GatewayRejected, match="invalid_token") as refusal:
        action(gateway.keys)
    assert SECRET not in str(refusal.value)
    assert not stub.asked


@pytest.mark.parametrize("verb", ["generate", "info", "renew", "list"])
def test_an_answer_that_leaves_the_expiry_out_is_not_taken_for_never(
    stub: StubGateway, gateway: Gateway, verb: str
) -> None:
    row = {"token": TOKEN, "key": SECRET, "key_alias": "a"}
    stub.will(says({**row, "info": row, "keys": [row], "total_pages": 1}))
    actions: dict[str, Callable[[], object]] = {
        "generate": lambda: gateway.keys.generate(**LAPTOP),
        "info": lambda: gateway.keys.info(TOKEN),
        "renew": lambda: gateway.keys.renew(TOKEN, duration="30d"),
        "list": lambda: list(gateway.keys.list()),
    }

    with pytest.raises(GatewayUnavailable, match="expires is missing"):
        actions[verb]()


@pytest.mark.parametrize(
    ("spelling", "moment"),
    [
        ("2026-12-21T02:48:56.125174Z", datetime(2026, 12, 21, 2, 48, 56, 125174, UTC)),
        ("2026-12-21T02:48:56.125000+00:00", datetime(2026, 12, 21, 2, 48, 56, 125000, UTC)),
        ("2026-12-21T02:48:56.125Z", datetime(2026, 12, 21, 2, 48, 56, 125000, UTC)),
        ("2026-12-21T02:48:56Z", datetime(2026, 12, 21, 2, 48, 56, 0, UTC)),
        ("2026-12-21T02:48:56+00:00", datetime(2026, 12, 21, 2, 48, 56, 0, UTC)),
        ("2026-12-21T02:48:56", datetime(2026, 12, 21, 2, 48, 56, 0, UTC)),
        ("2026-12-21T04:48:56+02:00", datetime(2026, 12, 21, 2, 48, 56, 0, UTC)),
        (None, None),
    ],
)
def test_every_spelling_of_an_expiry_is_read_as_utc(
    stub: StubGateway, gateway: Gateway, spelling: str | None, moment: datetime | None
) -> None:
    stub.will(says({"info": {"expires": spelling}}))

    expires_at = gateway.keys.info(TOKEN).expires_at

    assert expires_at == moment
    assert expires_at is None or expires_at.tzinfo is UTC


def test_money_is_exact(stub: StubGateway, gateway: Gateway) -> None:
    stub.will(
        lambda handler: handler.send(
            200, b'{"info": {"expires": null, "spend": 0.1000000000000000055, "max_budget": 7.5e-06}}'
        )
    )

    info = gateway.keys.info(TOKEN)

    assert info.spend_usd == Decimal("0.1000000000000000055")
    assert info.budget_usd == Decimal("0.0000075")
