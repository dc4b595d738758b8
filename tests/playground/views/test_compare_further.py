"""A comparison that goes on: further questions to all models, their own settings, files, and all requests as code."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from accounts.models import User
from playground.forms.compare import own_prefix
from playground.models import Answer, Attachment, Conversation, Message
from playground.services.chat import NewMessage, body_of
from playground.services.columns import branches_of, rounds_of
from playground.services.comparing import follow_up
from playground.services.refusals import AskRefused
from playground.services.stopping import stop_answers
from tests.conftest import HTMX, signed_in
from tests.keys.playground_actions import allow
from tests.keys.views.pages import words_of
from tests.playground import rows
from tests.playground.streams import context, know_the_models
from tests.playground.views.test_compare import COMPARE, FOUR, MODELS, compared, kept, page_of, post, send, streamed
from tests.sandbox_process import Sandbox

State = Answer.State
CAT = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")


@pytest.fixture(autouse=True)
def models(sandbox: Sandbox, db: None) -> None:
    """Let the portal know the gateway's models."""
    know_the_models()


def answered(client: Client, text: str = "Count [count 3]", **fields: Any) -> Conversation:
    """Return a comparison whose models have all answered."""
    for answer in compared(client, text, **fields):
        streamed(client, answer)
    return Conversation.objects.get()


def further(client: Client, conversation: Conversation, text: str, **fields: Any) -> Any:
    return send(client, text, conversation=str(conversation.pk), **{"models": [], **fields})


def own(model: str, **fields: str) -> dict[str, Any]:
    """Return the form's own settings of one model."""
    return {"own": [model], **{f"{own_prefix(model)}-{name}": value for name, value in fields.items()}}


def bodies_of(conversation: Conversation) -> dict[str, Any]:
    """Return the last request of each model."""
    ends = {name: branch[-1] for name, branch in branches_of(conversation).items()}
    return {name: body_of(conversation, end).as_json() for name, end in ends.items()}


def test_each_model_gets_a_further_question_after_its_own_answers(as_intern: Client) -> None:
    conversation = answered(as_intern, "Count [count 3]", system="Be brief")
    first = {answer.model: answer.text for answer in Answer.objects.all()}
    Answer.objects.filter(model=MODELS[0]).update(text="only mine")

    shown = further(as_intern, conversation, "And [count 5]", system="Be brief")

    assertContains(shown, 'hx-trigger="load"', 2)
    assertContains(shown, f'name="conversation" value="{conversation.pk}"')  # of the next question
    for name, body in bodies_of(conversation).items():
        said = [(each["role"], each["content"]) for each in body["messages"]]
        answer = "only mine" if name == MODELS[0] else first[name]
        assert said[1:] == [("user", "Count [count 3]"), ("assistant", answer), ("user", "And [count 5]")]
    assert [len(each.columns) for each in rounds_of(conversation)] == [2, 2]
    for column in rounds_of(conversation)[-1].columns:
        assert streamed(as_intern, column.answer).text == "1 2 3 4 5"
    page = as_intern.get(reverse("playground:comparison", args=[conversation.pk]))
    assertContains(page, "only mine")
    assertContains(page, "Question 2")
    assertContains(page, "Retry llama-70b", 1)  # only at its last answer


def test_goes_on_without_a_script_and_with_a_model_that_failed(as_intern: Client, sandbox: Sandbox) -> None:
    first, second = compared(as_intern, "Count [count 3]")
    sandbox.faults("/chat/completions", "error", status=500)
    streamed(as_intern, first)
    streamed(as_intern, second)
    conversation = first.message.conversation

    response = further(as_intern, conversation, "And [count 5]", htmx=False)

    assertRedirects(response, page_of(first))
    asked = [message["content"] for message in bodies_of(conversation)[first.model]["messages"]]
    assert asked == ["Count [count 3]\n\nAnd [count 5]"]  # strict templates refuse two questions in a row
    assert [len(each.columns) for each in rounds_of(conversation)] == [2, 2]


def test_waits_until_all_have_answered_and_goes_on_once(as_intern: Client) -> None:
    first, second = compared(as_intern)
    streamed(as_intern, first)
    conversation = first.message.conversation
    early = further(as_intern, conversation, "And now?")
    streamed(as_intern, second)

    assert further(as_intern, conversation, "And now?").status_code == 200
    again = further(as_intern, conversation, "And now?")

    for refused in (early, again):
        assert refused.status_code == 409
        assert "Not all models have answered yet." in words_of(refused)
    assert Message.objects.count() == 3
    retried = post(as_intern, "again", first)
    assert "has answered a further question since" in words_of(retried)
    assert Answer.objects.filter(message=first.message).count() == 2


def test_two_windows_do_not_go_on_from_the_same_answers(as_intern: Client, intern: User) -> None:
    conversation = answered(as_intern)
    ends = {name: branch[-1] for name, branch in branches_of(conversation).items()}
    question = NewMessage(text="And now?", params={}, conversation=conversation)
    params = {name: {"model": name} for name in ends}

    follow_up(context(intern), question, params, ends)
    with pytest.raises(AskRefused):
        follow_up(context(intern), question, params, ends)

    assert Message.objects.count() == 3


def test_an_older_window_neither_hides_a_further_question_nor_asks_twice(as_intern: Client, intern: User) -> None:
    conversation = answered(as_intern)
    first, other = Answer.objects.order_by("started_at")
    for _click in range(2):
        post(as_intern, "again", first)
    retried = branches_of(conversation)[first.model][-1]
    assert Answer.objects.filter(message=first.message).count() == 3
    streamed(as_intern, retried)

    question = NewMessage(text="And now?", params={}, conversation=conversation)
    with pytest.raises(AskRefused):  # a window that read the answers before one was asked again
        follow_up(
            context(intern),
            question,
            {each.model: {"model": each.model} for each in (first, other)},
            {each.model: each for each in (first, other)},
        )
    further(as_intern, conversation, "And now?")
    refused = post(as_intern, "again", first)

    assert refused.status_code == 409
    assert [len(branch) for branch in branches_of(conversation).values()] == [2, 2]


def test_a_model_that_is_no_longer_allowed_is_left_out(as_intern: Client) -> None:
    conversation = answered(as_intern)
    allow(playground__all_models=False, playground__model_names=["llama-70b"])

    assert further(as_intern, conversation, "And now?").status_code == 200

    assert [[column.answer.model for column in each.columns] for each in rounds_of(conversation)] == [
        MODELS,
        ["llama-70b"],
    ]
    for column in rounds_of(conversation)[-1].columns:
        streamed(as_intern, column.answer)
    allow(playground__model_names=MODELS)
    assert further(as_intern, conversation, "And then?").status_code == 200
    assert [len(branch) for branch in branches_of(conversation).values()] == [1, 3]  # under its question, or not at all
    stop_answers(Answer.objects.filter(state=State.WAITING))
    allow(playground__model_names=["general_nothink"])
    refused = further(as_intern, conversation, "And now?")
    assert refused.status_code == 422
    assert "None of these models can be called here any more." in words_of(refused)


def test_a_comparison_of_somebody_else_is_not_found(as_intern: Client, staff: User) -> None:
    conversation = answered(as_intern)

    assert further(signed_in(staff), conversation, "And now?").status_code == 404
    assert send(as_intern, "And now?", conversation="no-id").status_code == 404
    assert Message.objects.count() == 1


def test_own_settings_of_a_model_hold_for_its_further_answers(as_intern: Client) -> None:
    conversation = answered(
        as_intern, system="Be brief", temperature="0.5", **own("llama-70b", temperature="1.5", system="", seed="7")
    )
    by_model = {answer.model: answer.params for answer in Answer.objects.all()}
    assert by_model["gpt-4o-mini"] == {"model": "gpt-4o-mini", "system": "Be brief", "temperature": 0.5}
    assert by_model["llama-70b"] == {"model": "llama-70b", "system": "Be brief", "temperature": 1.5, "seed": 7}

    address = reverse("playground:comparison", args=[conversation.pk])
    fields = as_intern.get(address, {"own": "llama-70b"}, headers=HTMX)
    page = as_intern.get(address, {"own": "llama-70b"})
    further(as_intern, conversation, "And now?", temperature="0.1")

    for shown in (fields, page):
        assertContains(shown, f'name="{own_prefix("llama-70b")}-temperature"')
        assertContains(shown, 'value="1.5"')
    assertNotContains(fields, "<html")
    assert as_intern.get(address, {"own": "no-model"}, headers=HTMX).status_code == 404
    bodies = bodies_of(conversation)
    assert (bodies["gpt-4o-mini"]["temperature"], bodies["llama-70b"]["temperature"]) == (0.1, 1.5)
    assert bodies["llama-70b"]["seed"] == 7


def test_a_length_for_all_may_be_too_much_for_a_model_with_its_own(as_intern: Client) -> None:
    assert send(as_intern, max_tokens="9999").status_code == 422

    conversation = answered(as_intern, max_tokens="9999", **own("llama-70b", max_tokens="77"))

    for text in ("And now?", ""):  # sent, then shown as code
        response = (
            further(as_intern, conversation, text, max_tokens="9999")
            if text
            else as_intern.post(
                f"{COMPARE}code/", {"message": text, "conversation": str(conversation.pk), "max_tokens": "9999"}
            )
        )
        assert response.status_code == 200
        assert {name: body["max_tokens"] for name, body in bodies_of(conversation).items()} == {
            "gpt-4o-mini": 9999,
            "llama-70b": 77,
        }


def test_wrong_own_settings_are_named_with_their_model(as_intern: Client) -> None:
    for fields, said in (
        ({"temperature": "hot"}, "llama-70b, temperature: Enter a number."),
        ({"max_tokens": "9999"}, "llama-70b, max_tokens: “llama-70b” answers with at most 4096 tokens."),
    ):
        refused = send(as_intern, **own("llama-70b", **fields))
        plain = send(as_intern, htmx=False, **own("llama-70b", **fields))

        assert (refused.status_code, plain.status_code) == (422, 422)
        assert said in words_of(refused)
        assertContains(plain, f'value="{next(iter(fields.values()))}"', status_code=422)
    assert not Conversation.objects.exists()


def test_files_go_to_all_models_in_every_question(as_intern: Client, settings: Settings) -> None:
    notes = {"attachments": [SimpleUploadedFile("notes.txt", b"Bees dance", "text/plain")]}
    conversation = answered(as_intern, "Read [count 3]", **notes)
    assert Attachment.objects.count() == 1

    notes["attachments"][0].seek(0)
    assert further(as_intern, conversation, "And this?", **notes).status_code == 200

    assert Attachment.objects.count() == 3  # each message has its own
    for body in bodies_of(conversation).values():
        assert [each["content"].count("Bees dance") for each in body["messages"]] == [1, 0, 1]
    for column in rounds_of(conversation)[-1].columns:
        streamed(as_intern, column.answer)
    settings.PLAYGROUND_CONVERSATION_IMAGE_MB = 0
    notes["attachments"][0].seek(0)
    assert further(as_intern, conversation, "And this?", **notes).status_code == 422


def test_images_go_only_to_models_that_take_them(as_intern: Client) -> None:
    refused = send(as_intern, attachments=[CAT])
    assert refused.status_code == 422
    assert "“llama-70b” takes no images. These do:" in words_of(refused)

    CAT.seek(0)
    assert send(as_intern, models=["gpt-4o-mini", "vision"], attachments=[CAT]).status_code == 200

    for body in bodies_of(Conversation.objects.get()).values():
        assert [part["type"] for part in body["messages"][0]["content"]] == ["text", "image_url"]


def test_the_price_of_a_file_is_that_for_all_models(as_intern: Client) -> None:
    def priced(**fields: Any) -> str:
        file = SimpleUploadedFile("notes.txt", b"Bees dance. " * 1000, "text/plain")
        address = reverse("playground:read_files")
        return words_of(as_intern.post(address, {"attachments": [file], **fields}, headers=HTMX))

    both, conversation = priced(models=MODELS), answered(as_intern)

    assert "about 0.0032 USD" in both  # 3,000 tokens for 0.15 and 0.90 USD a million
    assert "estimates for gpt-4o-mini, llama-70b" in both
    assert priced(conversation=str(conversation.pk)) == both


def test_without_a_script_the_price_of_files_is_shown_and_nothing_typed_is_lost(as_intern: Client) -> None:
    file = SimpleUploadedFile("notes.txt", b"Bees dance. " * 1000, "text/plain")
    address = f"{reverse('playground:read_files')}?compare=1"
    assertContains(as_intern.get(COMPARE), f'formaction="{address}"')
    typed = {"attachments": [file], "message": "Why?", "models": FOUR[1:3], "temperature": "0.4", "unkept": "1"}

    page = as_intern.post(address, {**typed, **own(FOUR[1], seed="7")})

    assert "estimates for" in words_of(page)
    boxes = page.content.decode()
    assert [model for model in FOUR if f'value="{model}" form="playground-form" checked' in boxes] == FOUR[1:3]
    for kept_words in ("\nWhy?</textarea>", 'value="0.4"', 'value="7"', 'name="unkept" value="1" checked'):
        assertContains(page, kept_words)
    assertContains(page, '<div id="playground-refused" data-trouble></div>')  # nothing is refused
    assert not Conversation.objects.exists()


def test_no_other_form_changes_a_comparison(as_intern: Client) -> None:
    conversation = answered(as_intern)
    (message,), answer = conversation.messages.all(), branches_of(conversation)["llama-70b"][-1]
    settings = {"model": "gpt-4o-mini", "message": "Hello", "edited": "Hello", "conversation": str(conversation.pk)}
    addresses = {
        reverse("playground:send"),
        reverse("playground:edit", args=[message.pk]),
        *(reverse(f"playground:{name}", args=[answer.pk]) for name in ("retry", "show", "delete_answer")),
    }

    statuses = {address: as_intern.post(address, settings).status_code for address in addresses}

    assert statuses == dict.fromkeys(addresses, 404)
    assert (Message.objects.count(), Answer.objects.count()) == (1, 2)
    assert Conversation.objects.get().head_id == conversation.head_id


def test_the_requests_to_all_models_are_shown_as_code(as_intern: Client) -> None:
    typed = as_intern.post(f"{COMPARE}code/", {"message": "Hello wasps", "models": FOUR}, headers=HTMX)
    conversation = answered(as_intern, "Hello bees [words 3]", **own("llama-70b", temperature="1.5"))
    last = as_intern.post(f"{COMPARE}code/", {"message": "", "conversation": str(conversation.pk)}, headers=HTMX)
    next_one = as_intern.post(f"{COMPARE}code/", {"message": "Why?", "conversation": str(conversation.pk)})

    for model in FOUR:
        assert f'<summary translate="no"><bdi>{model}</bdi></summary>' in typed.content.decode()
    assert "1.5" in words_of(last)
    said = kept(branches_of(conversation)["llama-70b"][0]).text
    assert said not in words_of(last)
    assert said in words_of(next_one)


def test_a_chat_goes_on_with_the_whole_branch_of_a_model(as_intern: Client) -> None:
    conversation = answered(as_intern)
    further(as_intern, conversation, "And [count 5]")
    for column in rounds_of(conversation)[-1].columns:
        streamed(as_intern, column.answer)

    post(as_intern, "go_on", branches_of(conversation)["llama-70b"][-1])

    chat = Conversation.objects.get(kind=Conversation.Kind.CHAT)
    assert [message.text for message in chat.messages.order_by("created_at")] == ["Count [count 3]", "And [count 5]"]
    assert set(Answer.objects.filter(message__conversation=chat).values_list("model", flat=True)) == {"llama-70b"}
