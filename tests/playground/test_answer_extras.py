"""Other content than text is shown or named, and an empty answer says why."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from playground.markup.citations import cited
from playground.models import Answer, Conversation, GeneratedImage
from playground.rendering.answers import MOST_CHARS, RenderedAnswers
from playground.services.tree import Tree
from tests.conftest import signed_in
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.scripted import ScriptedGateway, scripted_gateway
from tests.playground.sse import Received, received, send
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def gateway(sandbox: Sandbox, settings: Settings, db: None) -> Iterator[ScriptedGateway]:
    with scripted_gateway(sandbox, settings) as gateway:
        know_the_models()
        yield gateway


def event(delta: object = None, **more: Any) -> bytes:
    choice = {"index": more.pop("index", 0), "delta": {} if delta is None else delta, **more}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


def picture(data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    url = f"data:{media_type};base64,{b64encode(data).decode()}"
    return {"images": [{"type": "image_url", "index": 0, "image_url": {"url": url}}]}


def answered(client: Client, gateway: ScriptedGateway, *pieces: bytes) -> Received:
    gateway.pieces = [*pieces, DONE]
    return received(send(client, "Draw a bee"))


def made(client: Client) -> GeneratedImage:
    [image] = GeneratedImage.objects.all()
    return image


def url_of(image: GeneratedImage) -> str:
    return reverse("playground:generated_image", args=[image.pk])


# --- Pictures ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "delta",
    [
        picture(rows.PIXEL),
        picture(rows.PIXEL, "image/svg+xml"),  # recognised by its bytes
        {"images": [{"image_url": picture(rows.PIXEL)["images"][0]["image_url"]["url"]}]},
        {"content": [{"type": "text", "text": ""}, *picture(rows.PIXEL)["images"]]},
        {"content": None, "provider_specific_fields": picture(rows.PIXEL)},
    ],
    ids=["LiteLLM", "type", "bare address", "content part", "of the provider"],
)
def test_an_image_alone_is_an_answer(as_intern: Client, gateway: ScriptedGateway, delta: object) -> None:
    stream = answered(as_intern, gateway, event(delta), event(finish_reason="stop"))

    answer, image = stream.answer, made(as_intern)
    assert (answer.state, stream.said) == (Answer.State.COMPLETE, "The answer is finished.")
    assert f'<img src="{url_of(image)}"' in stream.article
    shown_later = as_intern.get(reverse("playground:conversation", args=[answer.message.conversation_id]))
    assert f'<img src="{url_of(image)}"' in shown_later.content.decode()
    response = as_intern.get(url_of(image))
    assert (response.content, response["Content-Type"]) == (rows.PIXEL, "image/png")
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"


def test_a_picture_is_for_the_owner_of_the_conversation_alone(
    as_intern: Client, as_admin: Client, gateway: ScriptedGateway
) -> None:
    answered(as_intern, gateway, event(picture(rows.PIXEL)))

    other = signed_in(make_user("other"))
    assert [client.get(url_of(made(as_intern))).status_code for client in (as_admin, other)] == [404, 404]


def test_an_image_is_counted_and_deleted_with_its_answer(as_intern: Client, gateway: ScriptedGateway) -> None:
    data = rows.PIXEL + b"\0" * 50_000
    answer = answered(as_intern, gateway, event(picture(data))).answer

    conversation = answer.message.conversation
    assert conversation.stored_bytes > 50_000
    assert answer.stored_bytes > 50_000
    exported = as_intern.get(reverse("playground:export", args=[conversation.pk, "json"])).json()
    [image] = exported["messages"][0]["answers"][0]["images"]
    assert image["url"].endswith(b64encode(data).decode())
    as_intern.post(reverse("playground:delete", args=[conversation.pk]))
    assert not GeneratedImage.objects.exists()


@pytest.mark.parametrize(
    ("data", "setting", "words"),
    [
        (SVG, {}, "a picture of a kind that is not shown"),
        (b"", {}, "a picture of a kind that is not shown"),
        (rows.PIXEL + b"\0" * 10_000, {"PLAYGROUND_IMAGE_MB": 0}, "a picture that is too large"),
        (rows.PIXEL + b"\0" * 1_100_000, {"PLAYGROUND_STORED_MB_PER_USER": 1}, "have no room left"),
    ],
    ids=["SVG", "nothing", "too large", "no room"],
)
def test_an_image_that_is_not_stored_is_named(
    as_intern: Client, gateway: ScriptedGateway, settings: Settings, data: bytes, setting: dict[str, int], words: str
) -> None:
    for name, value in setting.items():
        setattr(settings, name, value)

    stream = answered(as_intern, gateway, event({"content": "Here:"}), event(picture(data)))

    assert stream.answer.text == "Here:"
    assert words in stream.article
    assert "<img" not in stream.article
    assert not GeneratedImage.objects.exists()


def test_an_external_image_is_never_fetched_and_its_url_is_shown(as_intern: Client, gateway: ScriptedGateway) -> None:
    address = "https://pictures.example.org/bee.png"

    stream = answered(as_intern, gateway, event({"images": [{"type": "image_url", "image_url": {"url": address}}]}))

    assert f'<a href="{address}" rel="noopener noreferrer nofollow">' in stream.article
    assert "<img" not in stream.article


def test_an_event_of_twenty_megabytes_is_left_out_and_the_answer_goes_on(
    as_intern: Client, gateway: ScriptedGateway
) -> None:
    large = event({"content": "x" * 20_000_000})

    stream = answered(as_intern, gateway, event({"content": "a"}), large, event({"content": "b"}))

    assert (stream.answer.text, stream.answer.state) == ("ab", Answer.State.COMPLETE)
    assert "Not shown: a piece that is too long." in stream.article


# --- The rest of what deltas may carry --------------------------------------------------------------
CITATION = {"type": "url_citation", "url_citation": {"url": "https://example.org/bees", "title": "Of bees"}}
CARRIED: dict[str, tuple[object, str]] = {
    "refusal": ({"refusal": "I cannot draw that."}, "I cannot draw that."),
    "transcript": ({"audio": {"id": "a", "transcript": "Bzz, it says."}}, "Bzz, it says."),
    "sound": ({"audio": {"id": "a", "data": "UklGRg=="}}, "Not shown: sound."),
    "annotations": ({"annotations": [CITATION]}, "Of bees"),
    "citations": ({"provider_specific_fields": {"citations": ["https://example.org/hive"]}}, "example.org/hive"),
    "thinking blocks": ({"thinking_blocks": [{"type": "thinking", "thinking": "Six legs."}]}, "Six legs."),
    "reasoning": ({"reasoning": "Six legs."}, "Six legs."),
    "reasoning details": ({"reasoning_details": [{"type": "reasoning.text", "text": "Six legs."}]}, "Six legs."),
    "reasoning items": ({"reasoning_items": [{"summary": [{"text": "Six legs."}]}]}, "Six legs."),
    "Magistral's parts": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Six legs."}]}]},
        "Six legs.",
    ),
    "secret reasoning": ({"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]}, "provider keeps secret"),
    "parts of text": (
        {"content": [{"type": "text", "text": "A bee."}, {"type": "output_text", "text": " Bzz."}]},
        "A bee. Bzz.",
    ),
    "function call": ({"function_call": {"name": "draw", "arguments": "{}"}}, "draw"),
    "custom tool": ({"tool_calls": [{"type": "custom", "custom": {"name": "draw", "input": "a bee"}}]}, "a bee"),
    "arguments as an object": (
        {"tool_calls": [{"id": "c", "function": {"name": "draw", "arguments": {"what": "honey"}}}]},
        "honey",
    ),
    "what nobody knows": ({"hologram": {"of": "a bee"}}, "Not shown: hologram."),
    "of the provider": ({"provider_specific_fields": {"scent": "wax"}}, "Not shown: scent."),
}


@pytest.mark.parametrize("what", CARRIED)
def test_what_a_delta_carries_is_shown_or_named(as_intern: Client, gateway: ScriptedGateway, what: str) -> None:
    delta, words = CARRIED[what]

    stream = answered(as_intern, gateway, event(delta), event(finish_reason="stop"))

    assert stream.answer.state == Answer.State.COMPLETE
    assert words in stream.article


def test_reasoning_that_is_sent_twice_is_shown_once(as_intern: Client, gateway: ScriptedGateway) -> None:
    delta = {
        "reasoning": "Six legs.",
        "reasoning_content": "Six legs.",
        "thinking_blocks": [{"type": "thinking", "thinking": "Six legs.", "signature": "x"}],
    }

    assert answered(as_intern, gateway, event(delta), event({"content": "Six"})).answer.reasoning == "Six legs."


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//example.org", "file:///etc/passwd"])
def test_only_addresses_of_the_web_become_links(as_intern: Client, gateway: ScriptedGateway, address: str) -> None:
    delta = {"content": "a", "annotations": [{"url_citation": {"url": address, "title": "Of bees"}}]}

    assert "Of bees" not in answered(as_intern, gateway, event(delta)).article


def test_numbers_in_the_text_are_links_to_the_sources_below_it(as_intern: Client, gateway: ScriptedGateway) -> None:
    hive, bees, code = "https://example.org/hive?a=1&b=2", "https://example.org/bees", "`row[1][2]` and [9]"
    delta = {"content": f"Bees dance[1][2], seldom [3](https://example.org/three).\n\n{code}\n\n```\n[1]"}

    stream = answered(as_intern, gateway, event(delta), event({"citations": [hive, bees]}), event(finish_reason="stop"))

    page = as_intern.get(reverse("playground:conversation", args=[stream.answer.message.conversation_id]))
    for shown in (stream.article, page.content.decode()):
        links = re.findall(r'<sup><a href="([^"]+)"[^>]*>\[(\d)\]</a></sup>', shown)
        assert links == [(hive.replace("&", "&amp;"), "1"), (bees, "2")]
        assert re.search(r"row\[1\]\[2\]</code> and \[9\]", shown)
        assert "[1]</code>" in shown.replace("\n", "")
        assert shown.count(f'<li><a href="{bees}"') == 1


def test_a_text_that_is_not_rendered_is_shown_without_the_addresses_of_its_sources() -> None:
    too_long = f"Bees dance [1]. {'x' * MOST_CHARS}"

    shown = RenderedAnswers({}).html(too_long, [{"url": "https://example.org/bees", "title": ""}])

    assert ("Bees dance [1]." in shown, "example.org" in shown) == (True, False)


def test_sources_to_which_no_number_refers_do_not_make_a_text_longer() -> None:
    sources = [{"url": f"https://example.org/{number}", "title": ""} for number in range(1, 301)]

    assert cited("Bees [3], wasps [03] [301].", sources).splitlines() == [
        "[3]: <https://example.org/3>",
        "",
        "Bees [3], wasps [03] [301].",
    ]


def test_further_choices_have_their_own_extras(as_intern: Client, gateway: ScriptedGateway) -> None:
    stream = answered(as_intern, gateway, event({"content": "a"}), event(picture(rows.PIXEL), index=1))

    assert stream.answer.extras == {}
    assert f'<img src="{url_of(made(as_intern))}"' in stream.article


# --- Nothing in it ----------------------------------------------------------------------------------
EMPTY: dict[str, tuple[list[object], str, str]] = {
    "nothing": ([], "stop", "The answer is empty"),
    "blanks": ([{"content": " \n"}], "stop", "The answer is empty"),
    "filtered": ([], "content_filter", "A content filter withheld the answer"),
    "filtered by Gemini": ([{"content": ""}], "SAFETY", "A content filter withheld the answer"),
    "all spent on reasoning": ([{"reasoning": "Hm"}], "length", "All tokens were used before the answer began"),
    "all spent, in the text": (
        [{"content": "<think>Hm"}],
        "max_tokens",
        "All tokens were used before the answer began",
    ),
    "only reasoning": ([{"reasoning_content": "Hm"}], "stop", "The model reasoned and did not answer"),
}


@pytest.mark.parametrize("how", EMPTY)
def test_an_answer_with_nothing_in_it_says_why(as_intern: Client, gateway: ScriptedGateway, how: str) -> None:
    deltas, reason, title = EMPTY[how]

    stream = answered(as_intern, gateway, *map(event, deltas), event(finish_reason=reason))

    assert stream.answer.state == Answer.State.COMPLETE
    assert title in stream.article
    assert stream.said == title


def test_an_empty_answer_says_why_in_french(as_intern: Client, gateway: ScriptedGateway, settings: Settings) -> None:
    as_intern.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"

    stream = answered(as_intern, gateway, event(finish_reason="length"))

    assert stream.said == "Tous les jetons ont été utilisés avant le début de la réponse"


# --- Failed, or looked at closely -------------------------------------------------------------------
FAILURES: dict[str, tuple[int, bytes]] = {
    "midway": (200, event({"content": "a"}) + b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'),
    "cut": (200, event({"content": "a"})),
    "no events": (200, b"<html>"),
    "before the first word": (500, b'{"error": {"message": "litellm.InternalServerError: no", "code": "500"}}'),
    "refused": (429, b'{"error": {"message": "litellm.RateLimitError: slow down", "code": "429"}}'),
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_failed_answer_keeps_its_call_and_headers(as_intern: Client, gateway: ScriptedGateway, how: str) -> None:
    gateway.status, body = FAILURES[how]
    gateway.pieces = [body]

    answer = received(send(as_intern, "Draw a bee")).answer

    assert (answer.state, answer.call_id) == (Answer.State.FAILED, "call-1")
    assert answer.headers["x-litellm-call-id"] == "call-1"


@pytest.mark.parametrize(("role", "sees"), [("intern", False), ("staff", False), ("admin", True)])
def test_where_a_model_runs_is_for_admins(
    request: pytest.FixtureRequest, gateway: ScriptedGateway, role: str, sees: bool
) -> None:
    client: Client = request.getfixturevalue(f"as_{role}")
    answer = answered(client, gateway, event({"content": "a"})).answer
    conversation: Conversation = answer.message.conversation

    pages = [
        client.get(reverse("playground:details", args=[answer.pk])),
        client.get(reverse("playground:export", args=[conversation.pk, "json"])),
        client.get(reverse("playground:export", args=[conversation.pk, "md"])),
    ]

    assert [b"10.0.0.7" in page.content for page in pages] == [sees, sees, False]
    assert "call-1" in words_of(pages[0])
    assert len(Tree.of(conversation).answers) == 1
