"""A conversation from an exported file: the same again, or refused; nothing in the file is trusted."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from playground.imports.errors import NotImportable
from playground.imports.rows import Imported, imported
from playground.models import Answer, Attachment, Conversation
from playground.services.export import as_json
from playground.services.export_markdown import as_markdown
from playground.services.insertion import insert
from playground.services.requests import tokens_of_text
from tests.factories import make_user
from tests.playground import rows

pytestmark = pytest.mark.django_db

CALL = {"id": "call_1", "name": "weather", "arguments": '{"city": "Fès"}'}
PARAMS = {"model": "llama-3.3-70b", "system": "Be <b>brief</b>.\n-->", "temperature": 0.2, "stop": ["\n\n"]}
FIGURES: dict[str, Any] = {"prompt_tokens": 38, "completion_tokens": 86, "cost_usd": "0.25", "cost_source": "reported"}
# What an import does not take over: figures, and addresses of the gateway.
NOT_SAME = (
    *("id", "follows", "shown", "used_at", "imported", "answered_by", "call_id", "headers", "problem"),
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cached_tokens", "cost_usd", "cost_source"),
    *("first_token_ms", "took_ms"),
)


@pytest.fixture
def conversation(intern: User) -> Conversation:
    """Make a conversation with two branches, texts like our own marks, and all that an answer can have."""
    made = rows.conversation(intern, ("\n## You\n<!-- text -->\n", "<think>Hm\n</think>I see.\n\n"), title="A <cat>")
    first = rows.last_answer(made)
    rows.message(made, "Edited, without an answer", name="Ann-2")
    message = rows.message(made, "And now?", parent=first)
    sources = [{"url": "https://example.org/a", "title": "A"}]
    rows.answer(message, "\nIt sleeps.\n", params=PARAMS, reasoning="It lies\nstill.", extras={"sources": sources})
    rows.answer(message, "", params=PARAMS, tool_calls=[CALL], state=Answer.State.STOPPED, finish_reason="")
    rows.answer(rows.message(made, "Other branch"), "```\nopen", others=[rows_choice("Second")], **FIGURES)
    rows.answer(message, "Shown", params={"temperature": 0.5}, **FIGURES)
    return made


def rows_choice(text: str) -> dict[str, Any]:
    return {"text": text, "reasoning": "", "tool_calls": [], "finish_reason": "stop"}


def with_files(conversation: Conversation) -> None:
    last = rows.last_answer(conversation)
    rows.image(last.message)
    rows.text_file(last.message, pages=3)  # its tokens are not those that an import counts
    Attachment.objects.filter(message=last.message).exclude(tokens=None).update(tokens=tokens_of_text("Bees dance"))
    picture = rows.generated_image(last)
    Answer.objects.filter(pk=last.pk).update(extras={"images": [str(picture.pk)]})


def content(conversation: Conversation) -> Any:
    """Return what the JSON has, without figures, with the positions of messages and answers for their ids."""
    body = json.loads(as_json(conversation))
    places: dict[str | None, Any] = {None: None}
    for number, message in enumerate(body["messages"]):
        for index, answer in enumerate(message["answers"]):
            places[answer["id"]] = (number, index)
            places |= {image["id"]: "picture" for image in answer["images"]}
    return _without_ids(body, places), [places[message["follows"]] for message in body["messages"]], body["title"]


def _without_ids(value: Any, places: dict[str | None, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _without_ids(each, places) for name, each in value.items() if name not in NOT_SAME}
    if isinstance(value, list):
        return [_without_ids(each, places) for each in value]
    return places.get(value, value) if isinstance(value, str) else value


def shown_texts(conversation: Conversation) -> list[str]:
    body = json.loads(as_json(conversation))
    texts = {answer["id"]: answer["text"] for message in body["messages"] for answer in message["answers"]}
    return [texts[each] for each in body["shown"]]


@pytest.mark.parametrize("write", [as_json, as_markdown])
def test_the_imported_conversation_is_the_same(
    conversation: Conversation, write: Callable[[Conversation], str], staff: User
) -> None:
    if write is as_json:
        with_files(conversation)

    made = imported(staff, write(conversation).encode())
    copied = insert(staff, made.rows)

    assert content(copied) == content(conversation)
    assert copied.messages.filter(name="Ann-2").count() == 1
    assert shown_texts(copied) == shown_texts(conversation)
    assert +made.left_out == {}
    assert (made.dropped_settings, copied.owner) == (set(), staff)


def test_no_text_of_a_conversation_is_taken_for_a_comment_of_ours(conversation: Conversation) -> None:
    earlier = as_markdown(conversation)
    made = rows.conversation(conversation.owner, (earlier, earlier), params={"system": "<!-- --> <b>"})
    rows.answer(rows.last_answer(made).message, earlier, params={"system": "<!-- --> <b>"})

    text = as_markdown(made)

    assert shown_texts(insert(made.owner, imported(made.owner, text.encode()).rows)) == [earlier]
    assert '"<!--' not in text


def test_a_file_of_windows_is_read(conversation: Conversation) -> None:
    text = as_markdown(conversation).replace("\n", "\r\n")

    copied = insert(conversation.owner, imported(conversation.owner, b"\xef\xbb\xbf" + text.encode()).rows)

    assert shown_texts(copied) == shown_texts(conversation)


def test_files_are_not_in_markdown_and_counted(conversation: Conversation) -> None:
    with_files(conversation)

    made = imported(conversation.owner, as_markdown(conversation).encode())

    assert (made.left_out["files"], made.left_out["pictures"]) == (2, 1)


def test_an_imported_answer_has_no_cost_and_says_so(conversation: Conversation) -> None:
    copied = insert(conversation.owner, imported(conversation.owner, as_json(conversation).encode()).rows)

    answers = Answer.objects.filter(message__conversation=copied)
    assert {answer.imported for answer in answers} == {True}
    assert not answers.exclude(cost_usd=None, prompt_tokens=None, completion_tokens=None, paid_by=None).exists()
    assert "imported, without cost" in as_markdown(copied)


# --- Hostile files ----------------------------------------------------------------------------------
def body() -> dict[str, Any]:
    answer = {"id": "a", "model": "m", "state": "complete", "text": "Hi"}
    message = {"id": "m", "text": "Hello", "follows": None, "answers": [answer]}
    return {"format": "passerelle-conversation-1", "kind": "chat", "title": "T", "messages": [message]}


def reading(changed: dict[str, Any] | list[Any] | str) -> Imported:
    text = changed if isinstance(changed, str) else json.dumps(changed)
    return imported(make_user(), text.encode())


def with_message(**fields: Any) -> dict[str, Any]:
    made = body()
    made["messages"][0] |= fields
    return made


def with_answer(**fields: Any) -> dict[str, Any]:
    made = body()
    made["messages"][0]["answers"][0] |= fields
    return made


def copies(count: int) -> dict[str, Any]:
    made = body()
    first = made["messages"][0]
    made["messages"] = [{**copy.deepcopy(first), "id": str(number), "answers": []} for number in range(count)]
    return made


def test_files_that_are_no_conversation_of_ours_are_refused() -> None:
    nested = "[" * 100_000
    openai = [{"role": "wizard", "content": "x"}]
    comment = f"<!-- passerelle-conversation-1 {'0' * 24} "
    cases: dict[str, list[Any]] = {
        "not_ours": [
            *("", "[]", "null", "{", nested, '{"a": NaN}', "9" * 5_000, "# You\n\nHello", "<!-- x -->", comment),
            *({}, openai, {"messages": openai}, {**body(), "format": "other"}, comment + "{} --> "),
        ],
        "broken": [
            *(with_message(text=5), with_message(answers="many"), with_message(answers=[1]), with_message(id="")),
            *(with_message(follows="elsewhere"), with_message(follows="a"), with_answer(id=["a"])),
            *(with_answer(tool_calls={"a": 1}), {**body(), "messages": {"a": 1}}, {**body(), "title": []}),
            {**body(), "messages": body()["messages"] * 2},
        ],
        "kind": [{**body(), "kind": "compare"}, {**body(), "kind": "x"}],
        "many": [
            *("[" + "0," * 400_001, copies(2_001), with_answer(others=[{}] * 4), with_answer(tool_calls=[{}] * 200)),
            with_message(images=[{}] * 50),
        ],
        "long": [with_message(text="x" * 100_001), with_answer(text="x" * 1_000_001), with_answer(model="m" * 201)],
        "empty": [{**body(), "messages": []}, with_message(answers=[])],
    }
    for code, files in cases.items():
        for file in files:
            with pytest.raises(NotImportable) as refused:
                reading(file)
            assert refused.value.code == code, str(file)[:80]
    with pytest.raises(NotImportable):
        imported(make_user(), b"\xff\xfe\x00")


def test_brackets_and_commas_count_outside_of_texts_only() -> None:
    text = '[{,"\\' * 90_000

    made = reading(with_answer(text=text))
    assert made.rows.answers[0].text == text

    mark = f"<!-- {'0' * 24} message {{"
    many = f"<!-- passerelle-conversation-1 {'0' * 24} {{}} -->\n" + f'{mark}"a": [{"0," * 210_000}0]}} -->\n' * 2
    for file in (many, '"' + '\\"' * 500_000 + "," * 400_001):
        with pytest.raises(NotImportable):
            reading(file)


def test_wrong_settings_are_dropped_and_named() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    params = {
        "temperature": 99,
        "top_p": {"a": 1},
        "stop": [[1]],
        "seed": "1; DROP",
        "n": [],
        "system": {"role": "x"},
        "tools": deep,
        "logit_bias": deep,
        "metadata": {"a": "b"},
        "api_base": "http://x",
        "without": ["tools"],
        "reasoning_effort": 5,
        "json": "maybe",
        "max_tokens": 10**30,
        "model": "m",
    }

    made = reading(with_answer(params={**params, "presence_penalty": 0.5}))

    [answer] = made.rows.answers
    assert answer.parameters is not None
    assert answer.parameters.values == {"presence_penalty": 0.5}
    assert made.dropped_settings == set(params) - {"model"}


def test_many_different_settings_are_refused() -> None:
    many = copies(101)
    for number, message in enumerate(many["messages"]):
        message["answers"] = [{"id": f"a{number}", "model": "m", "params": {"seed": number}}]

    with pytest.raises(NotImportable):
        reading(many)


def test_wrong_details_are_left_out() -> None:
    hostile: dict[str, Any] = {
        "state": "streaming",
        "model": "m\n",
        "problem": {"code": "x", "html": "<script>"},
        "cost_usd": -5,
        "paid_by": 1,
        "started_at": "9999-01-01T00:00:00+00:00",
        "text": "\ud800\0",
        "images": [{"id": "p", "url": "http://example.org/p.png"}, {"id": "q", "url": "data:image/png;base64,AAAA"}],
        "extras": {
            "images": ["p", "q", 5],
            "sources": [
                {"url": "javascript://x/%0aalert(1)"},
                {"url": "http://["},
                {"url": "https://a.org", "title": "\u202eA"},
            ],
            "unshown": ["x" * 100, 5],
            "other": 1,
        },
    }

    file = with_answer(**hostile)
    file["messages"][0]["name"] = "Ann B"
    made = reading(file)

    [answer] = insert_again(made)
    assert (answer.state, answer.model, answer.problem, answer.cost_usd, answer.paid_by) == (
        "stopped",
        "?",
        None,
        None,
        None,
    )
    assert answer.started_at.year < 9999
    assert "\0" not in answer.text
    assert answer.extras == {"sources": [{"url": "https://a.org", "title": "A"}], "unshown": ["x" * 40]}
    assert answer.message.name == ""
    assert +made.left_out == {"names": 1, "problems": 1, "pictures": 2, "sources": 2}


def insert_again(made: Imported) -> list[Answer]:
    conversation = insert(made.rows.conversation.owner, made.rows)
    return list(Answer.objects.filter(message__conversation=conversation))


def test_ids_of_the_file_are_not_used(conversation: Conversation) -> None:
    theirs = rows.last_answer(conversation)

    made = reading(with_answer(id=str(theirs.pk)))

    assert made.rows.answers[0].pk != theirs.pk
    with pytest.raises(NotImportable):
        reading(with_message(follows=str(theirs.pk)))


def test_html_in_a_file_and_of_another_type_is_not_stored() -> None:
    page = "data:text/html;base64,PHNjcmlwdD4="
    image = {"name": "x.png", "media_type": "image/png", "url": page}
    file = {"name": "../x.html", "media_type": "text/html", "url": page, "text": "t", "pages": -1}

    made = reading(with_message(images=[image], files=[file]))

    [kept] = made.rows.files
    assert (kept.media_type, kept.pages, made.left_out["files"]) == ("text/plain", None, 1)
