"""Faults of calls other than the answer: of the key before it, of the price after it."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from playground.models import ActiveCall, Answer, Conversation, Message
from sandbox.faults import KINDS
from tests.conftest import signed_in
from tests.keys.actions import BY_TEST, assert_at_rest
from tests.keys.leaks import assert_nowhere
from tests.keys.playground_actions import allow, the_key, use
from tests.keys.views.pages import words_of
from tests.playground.sse import answer_to, send, stream_of
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Prepare = Callable[[User, Sandbox], None]

PROMPT = "My long prompt [words 3]"
PATIENCE_S, FOR_EVER_S = 1.0, 60
AGAIN_AND_AGAIN = 99  # questions are asked again when the gateway is away
LOSING = [kind for kind in KINDS if not kind.startswith("stream_") and kind != "delay"]
DOWN = "The gateway does not answer."
NOT_MADE = "The gateway refused to create your Playground key. Nothing was sent."


def at_first_use(owner: User, sandbox: Sandbox) -> None:
    """Leave the person without a key."""


def after_a_change_of_the_policy(owner: User, sandbox: Sandbox) -> None:
    use(owner)
    allow(playground__budget_usd=3)


def after_its_owner_deleted_it(owner: User, sandbox: Sandbox) -> None:
    use(owner)
    services.delete_key(key=the_key(), actor=BY_TEST)


def after_the_answer_was_lost(owner: User, sandbox: Sandbox) -> None:
    sandbox.faults("/key/generate", "drop_after")
    assert send(signed_in(owner), PROMPT).status_code == 503
    sandbox.clear_faults()


CALLS: list[tuple[str, Prepare]] = [  # all that a message may ask of the gateway before it is sent
    ("/key/generate", at_first_use),
    ("/key/update", after_a_change_of_the_policy),
    ("/key/info", after_its_owner_deleted_it),
    ("/key/list", after_the_answer_was_lost),
    ("/key/delete", after_the_answer_was_lost),
]


@pytest.fixture(autouse=True)
def one_at_once(sandbox: Sandbox, settings: Settings, db: None) -> None:
    """Let a person have one answer at a time."""
    know_the_models()
    settings.PLAYGROUND_STREAMS_PER_USER = 1


def spoil(sandbox: Sandbox, settings: Settings, path: str, kind: str) -> None:
    """Let each call of this path be lost from now on; one that hangs is waited for only a second."""
    sandbox.faults(path, kind, seconds=FOR_EVER_S, times=AGAIN_AND_AGAIN)
    if kind.startswith("hang"):
        settings.GATEWAY_READ_TIMEOUT_S = PATIENCE_S


def mend(sandbox: Sandbox, settings: Settings) -> None:
    """Let all calls pass again, once nobody hangs any more."""
    wait_until(lambda: not any(fault["waiting"] for fault in sandbox.armed_faults()))
    sandbox.clear_faults()
    settings.GATEWAY_READ_TIMEOUT_S = 20.0


@pytest.mark.parametrize("kind", LOSING)
@pytest.mark.parametrize(("path", "prepare"), CALLS, ids=[path for path, _ in CALLS])
def test_is_refused_and_the_next_send_works(
    as_intern: Client, intern: User, sandbox: Sandbox, settings: Settings, path: str, prepare: Prepare, kind: str
) -> None:
    prepare(intern, sandbox)
    spoil(sandbox, settings, path, kind)

    assert_refused(as_intern, 503, DOWN)

    assert sandbox.armed_faults()[0]["hits"]
    mend(sandbox, settings)
    assert_works(as_intern, sandbox)


@pytest.mark.parametrize("kind", LOSING)
def test_without_javascript_the_page_returns_with_the_message(
    as_intern: Client, sandbox: Sandbox, settings: Settings, kind: str
) -> None:
    spoil(sandbox, settings, "/key/generate", kind)

    page = assert_refused(as_intern, 503, DOWN, htmx=False)

    assert PROMPT in page
    mend(sandbox, settings)
    assert_works(as_intern, sandbox)


@pytest.mark.parametrize(
    ("status", "received", "words"),
    [
        (400, 502, NOT_MADE),
        (401, 502, NOT_MADE),
        (403, 502, NOT_MADE),
        (429, 502, NOT_MADE),
        (502, 503, DOWN),
        (504, 503, DOWN),
    ],
)
def test_each_status(as_intern: Client, sandbox: Sandbox, status: int, received: int, words: str) -> None:
    sandbox.faults("/key/generate", "error", status=status)

    assert_refused(as_intern, received, words)

    sandbox.clear_faults()
    assert_works(as_intern, sandbox)


@pytest.mark.parametrize(("path", "prepare"), CALLS, ids=[path for path, _ in CALLS])
def test_a_slow_gateway_is_waited_for(
    as_intern: Client, intern: User, sandbox: Sandbox, path: str, prepare: Prepare
) -> None:
    prepare(intern, sandbox)
    sandbox.faults(path, "delay", seconds=0.2)

    assert_works(as_intern, sandbox)

    assert sandbox.armed_faults()[0]["hits"] == 1


@pytest.mark.parametrize("kind", LOSING)
def test_an_unavailable_price_is_calculated_from_the_price_list(
    as_intern: Client, sandbox: Sandbox, settings: Settings, kind: str
) -> None:
    spoil(sandbox, settings, "/spend/calculate", kind)

    answer = answer_to(as_intern, "Hello [words 4] [refuse stream_options]", without="stream_options")

    assert sandbox.armed_faults()[0]["hits"] == 1
    assert answer.state == Answer.State.COMPLETE
    assert answer.cost_source == Answer.CostSource.LISTED
    assert answer.cost_usd
    assert not ActiveCall.objects.filter(ended_at=None).exists()


def assert_refused(client: Client, status: int, words: str, *, htmx: bool = True) -> str:
    """Send; check that it is refused in words, that nothing is kept and no call is active; return the page."""
    response = send(client, PROMPT, htmx=htmx)

    assert response.status_code == status
    page = response.content.decode()
    assert words in words_of(response)
    assert 'role="alert"' in page
    assert ("<textarea" in page) != htmx  # with htmx the box on the page stays as it is
    for model in (Conversation, Message, Answer):
        assert not model.objects.exists()
    assert not ActiveCall.objects.filter(ended_at=None).exists()
    return page


def assert_works(client: Client, sandbox: Sandbox) -> None:
    """Send again; check that it is answered, with the one key that there is now."""
    raw = b"".join(stream_of(send(client, PROMPT)))

    assert_nowhere(sandbox.issued_secrets(), [("the stream", raw)])
    answer = Answer.objects.get()
    assert answer.state == Answer.State.COMPLETE
    assert len(sandbox.live_keys()) == 1
    assert Key.objects.filter(kind=Key.Kind.PLAYGROUND, state=Key.State.ACTIVE).count() == 1
    assert_at_rest(sandbox)
