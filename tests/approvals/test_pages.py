"""The pages of requests: ask, withdraw, approve, refuse; and links to them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.models import AccessRequest, Grant, User
from keys.models import GatewayModel
from tests.approvals.conftest import approve, ask, supervise, today
from tests.conftest import signed_in
from tests.factories import change_policies, make_user
from tests.keys.actions import issue
from tests.keys.views.pages import words_of
from tests.sandbox_process import Sandbox

INDEX, ASK = "/requests/", "/requests/ask/"
NEXT_WEEK = (today() + timedelta(days=7)).isoformat()


def url_of(name: str, request: AccessRequest) -> str:
    return reverse(f"approvals:{name}", args=[request.pk])


def answer(browser: Client, url: str, **form: object) -> tuple[int, str]:
    """Send a form; return the status, and the page that follows."""
    response = browser.post(url, form, follow=True)
    status = response.redirect_chain[0][1] if response.redirect_chain else response.status_code
    return status, words_of(response)


@pytest.fixture
def models(db: None) -> None:
    """Let the gateway have two models, of which interns may call one."""
    for name in ("small", "large"):
        GatewayModel.objects.create(name=name)


# --- Asking -------------------------------------------------------------------------------------------
def test_asks_for_more_budget_once_and_withdraws(as_intern: Client, intern: User) -> None:
    form = {"thing": "budget", "amount_usd": "2.50", "ends_on": NEXT_WEEK, "why": "the last chapter"}

    status, page = answer(as_intern, ASK, **form)
    assert status == 302
    assert "Sent. You get a mail when it is decided." in page
    assert "2.50 USD more" in page
    assert "waiting for a decision" in page
    status, page = answer(as_intern, ASK, **form)
    assert "You have asked for this already." in page
    request = AccessRequest.objects.get()
    assert (request.amount_usd, request.why, request.person) == (Decimal("2.50"), "the last chapter", intern)

    assert "Withdrawn." in answer(as_intern, url_of("withdraw", request))[1]
    status, page = answer(as_intern, url_of("withdraw", request))
    assert status == 409
    assert "Nothing changed: this request was withdrawn." in page


def test_says_what_is_wrong_with_a_request_and_saves_none(as_intern: Client, intern: User, models: None) -> None:
    change_policies(all_models=False, model_names=["small"])
    budget = {"thing": "budget", "amount_usd": "2", "ends_on": NEXT_WEEK, "why": "thesis"}
    model = {"thing": "model", "name": "large", "ends_on": NEXT_WEEK, "why": "thesis"}
    wrong = [
        budget | {"amount_usd": "0"},
        budget | {"amount_usd": "10001"},
        budget | {"amount_usd": "two"},
        budget | {"ends_on": (today() - timedelta(days=1)).isoformat()},
        budget | {"ends_on": (today() + timedelta(days=400)).isoformat()},
        budget | {"ends_on": "soon"},
        budget | {"why": " "},
        budget | {"why": "x" * 201},
        model | {"name": "small"},  # they have it
        model | {"name": "unheard"},
        {"thing": "kind", "name": "temporary", "ends_on": NEXT_WEEK, "why": "thesis"},
    ]

    assert [form for form in wrong if answer(as_intern, ASK, **form)[0] != 422] == []
    assert not AccessRequest.objects.exists()
    assert answer(as_intern, ASK, **model)[0] == 302


def test_offers_what_a_person_lacks(as_intern: Client, intern: User, models: None) -> None:
    assert "?thing=model" not in as_intern.get(ASK).content.decode()
    change_policies(all_models=False, model_names=["small"])

    page = as_intern.get(ASK, {"thing": "model", "name": "large"}).content.decode()
    assert '<option value="large" selected>' in page
    assert '<option value="small"' not in page
    assert 'value="playground"' not in as_intern.get(ASK, {"thing": "kind"}).content.decode()

    change_policies(person_budget_usd=None, budget_usd=None, playground__budget_usd=None, all_models=True)
    change_policies(personal__allowed=True)
    assert "nothing that you have is limited" in as_intern.get(ASK).content.decode()


def test_so_many_requests_an_hour_and_no_more(as_intern: Client, intern: User, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 2
    statuses = [answer(as_intern, ASK, thing="budget")[0] for _ in range(3)]

    assert statuses == [422, 422, 429]


def test_a_day_reaches_the_browser_in_every_language(intern: User, decider: User) -> None:
    request = ask(intern)
    User.objects.update(language="fr")

    page = signed_in(decider).get(url_of("detail", request)).content.decode()

    assert "Jusqu’au" in page
    assert f'type="date" name="ends_on" value="{request.ends_on.isoformat()}"' in page


# --- Deciding -----------------------------------------------------------------------------------------
def test_approves_with_one_click_and_a_second_decider_sees_the_decision(
    intern: User, as_intern: Client, decider: User, as_admin: Client, sandbox: Sandbox
) -> None:
    request, browser = ask(intern), signed_in(decider)
    assert "the last chapter" in browser.get(INDEX).content.decode()
    as_asked = {"amount_usd": "2.00", "ends_on": request.ends_on.isoformat()}

    status, page = answer(browser, url_of("approve", request), **as_asked)

    assert status == 302
    assert "Approved: it is in effect now. Intern A gets a mail." in page
    for name in ("approve", "refuse"):
        status, page = answer(as_admin, url_of(name, request), **as_asked, reason="no")
        assert status == 409
        assert "Nothing changed: Decider D has already approved this request." in page
    assert Grant.objects.get().amount_usd == Decimal(2)
    own = words_of(as_intern.get(INDEX))
    assert "decided by Decider D" in own
    assert "granted" in own


def test_changes_what_is_granted_and_refuses_with_a_reason_only(
    intern: User, as_intern: Client, decider: User, sandbox: Sandbox
) -> None:
    browser, request = signed_in(decider), ask(intern)
    tomorrow = today() + timedelta(days=1)

    assert answer(browser, url_of("approve", request), amount_usd="x", ends_on=tomorrow)[0] == 422
    answer(browser, url_of("approve", request), amount_usd="1.25", ends_on=tomorrow, reason="less")
    grant = Grant.objects.get()
    assert (grant.amount_usd, grant.ends_on) == (Decimal("1.25"), tomorrow)
    assert "1.25 USD more" in words_of(as_intern.get(INDEX))

    other = ask(intern)
    assert answer(browser, url_of("refuse", other))[0] == 422
    status, page = answer(browser, url_of("refuse", other), reason="ask in May")
    assert "Refused. Intern A gets a mail with the reason." in page
    assert "ask in May" in words_of(as_intern.get(INDEX))
    assert Grant.objects.count() == 1


def test_an_unavailable_gateway_keeps_the_grant(intern: User, decider: User, sandbox: Sandbox) -> None:
    issue(intern)
    request = ask(intern)
    sandbox.faults("/team/update", "error")

    _status, page = answer(signed_in(decider), url_of("approve", request), amount_usd="2", ends_on=NEXT_WEEK)

    assert "Approved. The gateway has not confirmed it yet; it follows within a minute." in page
    assert Grant.objects.unapplied().count() == 1


def test_so_many_decisions_an_hour_and_no_more(intern: User, decider: User, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    request, browser = ask(intern), signed_in(decider)

    for name in ("approve", "refuse"):
        assert [answer(browser, url_of(name, request))[0] for _ in range(2)] == [422, 429]
    assert AccessRequest.objects.get().state == "open"


# --- Who ----------------------------------------------------------------------------------------------
def test_only_deciders_see_a_request_and_only_the_requester_withdraws_it(
    intern: User, decider: User, supervisor: User, as_admin: Client, as_staff: Client, sandbox: Sandbox
) -> None:
    supervise(supervisor, intern)
    request = ask(intern)
    other = signed_in(decider)
    ask(decider)
    browsers = {
        "anonymous": Client(),
        "intern": signed_in(intern),
        "staff": as_staff,
        "supervisor": signed_in(supervisor),
        "decider": other,
        "admin": as_admin,
    }
    nobody = dict.fromkeys(browsers, 404) | {"anonymous": 302}
    decides = dict.fromkeys(("supervisor", "decider", "admin"))

    def statuses(name: str, method: str) -> dict[str, int]:
        url = reverse(f"approvals:{name}") if name in ("index", "ask") else url_of(name, request)
        return {who: getattr(browser, method)(url).status_code for who, browser in browsers.items()}

    everybody = dict.fromkeys(browsers, 200) | {"anonymous": 302}
    wrong = {
        what: found
        for what, found, expected in (
            ("index", statuses("index", "get"), everybody),
            ("ask", statuses("ask", "get"), everybody),
            ("detail", statuses("detail", "get"), nobody | dict.fromkeys(decides, 200)),
            ("approve", statuses("approve", "post"), nobody | dict.fromkeys(decides, 422)),
            ("refuse", statuses("refuse", "post"), nobody | dict.fromkeys(decides, 422)),
            ("GET approve", statuses("approve", "get"), dict.fromkeys(browsers, 405) | {"anonymous": 302}),
            ("withdraw", statuses("withdraw", "post"), nobody | {"intern": 302}),
        )
        if found != expected
    }

    assert wrong == {}
    assert AccessRequest.objects.get(pk=request.pk).state == "withdrawn"


def test_nobody_decides_their_own_request(admin: User, decider: User) -> None:
    for person in (admin, decider):
        request, browser = ask(person), signed_in(person)
        for name in ("approve", "refuse"):
            assert answer(browser, url_of(name, request), amount_usd="2", ends_on=NEXT_WEEK, reason="x")[0] == 404
    assert not Grant.objects.exists()


def test_a_forged_form_changes_nothing(intern: User, decider: User) -> None:
    browser, request = Client(enforce_csrf_checks=True), ask(intern)
    browser.force_login(decider)

    for url in (ASK, *(url_of(name, request) for name in ("approve", "refuse", "withdraw"))):
        assert browser.post(url, {"thing": "budget"}).status_code == 403


# --- Where people are led to it -----------------------------------------------------------------------
def test_the_badge_counts_what_waits_for_a_person(intern: User, decider: User, supervisor: User) -> None:
    supervise(supervisor, intern)
    ask(intern)
    ask(intern, "model", name="large")

    def badge(person: User) -> bool:
        page = signed_in(person).get("/notices/").content.decode()
        return "2 requests to decide" in page and ">2 notices<" in page

    assert (badge(supervisor), badge(decider), badge(intern)) == (True, False, False)


def test_lists_requests_to_decide_first_with_a_constant_number_of_queries(decider: User, supervisor: User) -> None:
    browser, asked = signed_in(decider), []
    for number in range(4):
        person = make_user(f"led-{number}", first_name=f"Led {number}")
        supervise(supervisor, person)
        ask(person)
        with CaptureQueriesContext(connection) as queries:
            browser.get(INDEX)
        asked.append(len(queries))
    ask(make_user("free", first_name="Free F"))

    page = words_of(browser.get(INDEX))

    assert asked[1] == asked[-1]
    assert page.index("Free F: ") < page.index("Led 0: ")
    assert page.count("waits for the supervisor") == 4


def test_the_page_of_a_decided_request_names_the_decider(intern: User, decider: User) -> None:
    approve(request := ask(intern), decider)

    page = words_of(signed_in(decider).get(url_of("detail", request)))

    assert "Approved by Decider D on" in page
    assert "Nothing changed" not in page
