"""Titles by a model: in the background, and never in place of a person's own."""

import pytest
from pytest_django import Settings

from accounts.models import User
from playground.models import Conversation
from playground.services.titling import make_title, title_later
from tests.keys.actions import issue
from tests.playground import rows
from tests.playground.streams import ended
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks, waiting_tasks

pytestmark = pytest.mark.django_db
CHAT = "/v1/chat/completions"
ASKED = "How do bees find their way home over several kilometres, in the dark?"
BEGINNING = "How do bees find their way home over several kilometres, in…"


@pytest.fixture(autouse=True)
def title_model(sandbox: Sandbox, staff: User, settings: Settings) -> None:
    settings.PLAYGROUND_TITLE_MODEL = "general_nothink"
    settings.PLAYGROUND_TITLE_KEY = str(issue(staff).secret)
    waiting_tasks()  # those of the key


@pytest.fixture
def conversation(intern: User) -> Conversation:
    """Make a conversation that has the title that it gets with its first message."""
    return rows.conversation(intern, (ASKED, "By the sun."), title=BEGINNING)


def title_of(conversation: Conversation) -> str:
    conversation.refresh_from_db()
    return conversation.title


def test_a_title_comes_after_the_first_answer(conversation: Conversation) -> None:
    title_later(rows.last_answer(conversation))
    assert [name for name, _arguments in run_tasks()] == ["playground.make_title"]

    title = title_of(conversation)

    assert title != BEGINNING
    assert 0 < len(title) <= 60
    assert not make_title(rows.last_answer(conversation).pk)


def test_a_name_by_the_person_stays(conversation: Conversation) -> None:
    Conversation.objects.update(title="My bees")

    assert not make_title(rows.last_answer(conversation).pk)
    assert title_of(conversation) == "My bees"


@pytest.mark.parametrize("fault", ["drop_before", "html", "truncated_json"])
def test_a_failure_changes_nothing(conversation: Conversation, sandbox: Sandbox, fault: str) -> None:
    sandbox.faults(CHAT, fault, times=9)

    assert not make_title(rows.last_answer(conversation).pk)
    assert title_of(conversation) == BEGINNING


def test_a_reply_of_punctuation_changes_nothing(intern: User) -> None:
    repeated = rows.conversation(intern, ("[echo] Bees", "Title:\n***"))

    assert not make_title(rows.last_answer(repeated).pk)
    assert title_of(repeated) == "[echo] Bees"


def test_is_only_asked_for_what_is_listed_and_new(conversation: Conversation, intern: User, settings: Settings) -> None:
    last = rows.last_answer(conversation)
    later = rows.answer(rows.message(conversation, "And then?", parent=last))
    temporary = rows.conversation(intern, (ASKED, "b"), kept=False)
    comparison = rows.conversation(intern, (ASKED, "b"), kind=Conversation.Kind.COMPARE)
    for answer in (later, rows.last_answer(temporary), rows.last_answer(comparison)):
        title_later(answer)
    settings.PLAYGROUND_TITLE_MODEL = ""
    title_later(last)

    assert waiting_tasks() == []


def test_the_end_of_an_answer_asks_for_it(intern: User, sandbox: Sandbox) -> None:
    answer = ended(intern, "Hello there [words 12] [pace 5]")

    assert waiting_tasks() == [("playground.make_title", [str(answer.pk)])]
