"""Unreported costs are estimated, close to what a gateway would have billed."""

import pytest

from accounts.models import User
from gateway.inference_types import ChatDelta, ChatRequest, CompletionRequest, Message
from keys.models import GatewayModel
from playground.models import Answer
from playground.services.buffer import AnswerBuffer
from playground.services.costs import TOKENS_AN_IMAGE, Cost, estimated_cost
from playground.services.requests import Upload
from tests.playground import rows
from tests.playground.streams import Reading, know_the_models, started
from tests.sandbox_process import Sandbox

Body = ChatRequest | CompletionRequest
SAID = Message(role="user", content="What is the capital of France?")
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
SEEN = Message(role="user", content=[{"type": "text", "text": "What is the capital of France?"}, PICTURE])
CALLED = Message(role="assistant", content=None, tool_calls=[{"id": "1", "function": {"name": "n" * 400}}])


@pytest.fixture
def model(db: None) -> GatewayModel:
    """Let a token that is read cost a dollar, and one that is written nothing."""
    return GatewayModel.objects.create(
        name="priced", mode="chat", position=1, input_usd_per_million=1_000_000, output_usd_per_million=0
    )


def read_tokens(body: Body) -> int:
    buffer = AnswerBuffer()
    buffer.add(ChatDelta(text="Paris"))
    cost = estimated_cost(body=body, buffer=buffer, ask=False)
    assert cost.source == Answer.CostSource.LISTED
    return int(cost.usd or 0)


def chat(*messages: Message, **more: object) -> ChatRequest:
    return ChatRequest(model="priced", messages=messages, **more)  # type: ignore[arg-type]  # any of its fields


@pytest.mark.parametrize(
    ("body", "least", "most"),
    [
        (chat(SAID), 8, 12),
        (chat(SEEN), 8 + TOKENS_AN_IMAGE, 12 + TOKENS_AN_IMAGE),
        (chat(SAID, SEEN, SEEN), 24 + 2 * TOKENS_AN_IMAGE, 36 + 2 * TOKENS_AN_IMAGE),
        (chat(SAID, CALLED), 110, 140),
        (chat(SAID, tools=[{"type": "function", "function": {"name": "n" * 400}}]), 110, 140),
        (CompletionRequest(model="priced", prompt="What is the capital of France?"), 7, 9),
    ],
    ids=["text", "image", "images", "call", "tools", "completion"],
)
def test_counts_what_a_model_reads(model: GatewayModel, body: Body, least: int, most: int) -> None:
    assert least <= read_tokens(body) <= most


def test_without_a_price_the_cost_is_unknown(db: None) -> None:
    assert estimated_cost(body=chat(SAID), buffer=AnswerBuffer(), ask=False) == Cost()


def test_a_stopped_answer_to_an_image_has_a_plausible_cost(intern: User, sandbox: Sandbox) -> None:
    know_the_models()
    picture = Upload(name="cat.png", media_type="image/png", data=rows.PIXEL + bytes(1_000_000))
    job = started(intern, "Write [words 2000] [pace 5]", uploads=[picture])
    reading = Reading(job)
    reading.first_word()
    reading.disconnect()

    cost_usd = Answer.objects.get().cost_usd
    assert cost_usd is not None
    assert 0 < cost_usd < 0.0005  # 100 tokens or so, of which a million are 0.15 or 0.60 USD
