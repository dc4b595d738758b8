"""Every route: permissions, 404 for strangers, and GET changes nothing."""

from collections import Counter

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accounts.models import User
from keys.models import Key
from tests.conftest import HTMX, signed_in
from tests.factories import make_intern
from tests.keys.actions import issue
from tests.portal.routes import every_route, have_a_conversation
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db

ROUTES = every_route()
PUBLIC = {
    "account_confirm_email",
    "account_email_verification_sent",
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_signed_out",
    "account_signup",
    "api:device_authorize",
    "api:device_token",
    "api:documentation",
    "api:leak_reports",
    "approvals:decide_by_link",
    "keys:pause_by_link",
    "keys:renew_by_link",
    "openid_connect_callback",
    "openid_connect_login",
    "cas_callback",
    "cas_login",
    "ldap_login",
    "mfa_authenticate",
    "provider_logo",
    "saml_answer",
    "saml_login",
    "saml_logout",
    "saml_metadata",
    "saml_sign_out",
    "socialaccount_login_cancelled",
    "metrics",  # with a token
    "web:live",
    "web:privacy",
    "web:ready",
    "web:set_language",
    "web:theme",
}
WITHOUT_FORM = {"api:device_authorize", "api:device_token", "api:leak_reports"}  # sent by programs, without a cookie
POST_ONLY = {
    "api:device_authorize",
    "api:device_token",
    "account_end_other_sessions",
    "account_end_session",
    "api:leak_reports",
    "approvals:approve",
    "approvals:refuse",
    "approvals:withdraw",
    "courses:add_teacher",
    "courses:add_names",
    "courses:close_link",
    "courses:get_key",
    "courses:make_file",
    "courses:new_link",
    "courses:replace_file",
    "courses:save_entry",
    "courses:sheet",
    "keys:check",
    "keys:create",
    "keys:end_old",
    "keys:pause",
    "keys:renew",
    "keys:resume",
    "notices:accept_terms",
    "notices:dismiss",
    "notices:dismiss_checklist",
    "notices:policy_read",
    "notices:restore",
    "notices:test_mail",
    "people:allow_leaving",
    "playground:again",
    "playground:code",
    "playground:copy_shared",
    "playground:end_share",
    "playground:favourite",
    "playground:compare_code",
    "playground:completion_code",
    "playground:embeddings_code",
    "playground:go_on",
    "playground:keep",
    "playground:moderation_code",
    "playground:move_preset",
    "playground:retry_batch",
    "playground:start_batch",
    "playground:stop_batch",
    "playground:read_files",
    "playground:retry",
    "playground:save_import",
    "playground:send",
    "playground:show",
    "playground:stop",
    "playground:stop_answer",
    "usage:accept_gateway",
    "usage:fix",
    "usage:notices_seen",
    "usage:refresh",
    "webhooks:again",
    "webhooks:pause",
    "webhooks:resume",
    "webhooks:test",
    "web:set_language",
    "web:theme",
}
GET_ONLY = {
    "account_second_factor",
    "account_sign_ins",
    "api:all_tokens",
    "api:documentation",
    "approvals:detail",
    "approvals:index",
    "catalogue:health",
    "catalogue:index",
    "catalogue:model",
    "courses:attended",
    "courses:course",
    "courses:file_keys",
    "courses:index",
    "courses:progress",
    "courses:ways_in",
    "keys:detail",
    "keys:get_started",
    "keys:history",
    "keys:index",
    "keys:intern",
    "keys:requests",
    "keys:status",
    "notices:announcements",
    "notices:checklist",
    "notices:index",
    "notices:terms",
    "notices:terms_csv",
    "people:csv",
    "people:default_policy",
    "people:group",
    "people:groups",
    "people:index",
    "people:keys",
    "people:keys_csv",
    "people:leaving_accounts",
    "people:outside_keys",
    "people:person",
    "people:sign_ins",
    "playground:answer",
    "playground:batch",
    "playground:batch_json",
    "playground:batch_results",
    "playground:branches",
    "playground:budget",
    "playground:column",
    "playground:column_code",
    "playground:comparison",
    "playground:completed",
    "playground:conversation",
    "playground:conversations",
    "playground:details",
    "playground:export",
    "playground:file",
    "playground:file_data",
    "playground:find",
    "playground:generated_image",
    "playground:image",
    "playground:index",
    "playground:open_preset",
    "playground:preset_code",
    "playground:shared",
    "playground:shared_file",
    "playground:shared_file_data",
    "playground:shared_image",
    "playground:shared_picture",
    "playground:shares",
    "playground:shortcuts",
    "playground:stream",
    "playground:written",
    "scim:clients",
    "status:diagnostics",
    "status:index",
    "teaching:course",
    "teaching:courses",
    "teaching:courses_csv",
    "teaching:report",
    "teaching:report_csv",
    "teaching:students_csv",
    "usage:csv",
    "usage:everyone",
    "usage:everyone_csv",
    "usage:everyone_facts_csv",
    "usage:everyone_report",
    "usage:everyone_report_csv",
    "usage:everyone_view_csv",
    "usage:facts_csv",
    "usage:index",
    "usage:interns",
    "usage:interns_csv",
    "usage:interns_facts_csv",
    "usage:interns_report",
    "usage:interns_report_csv",
    "usage:interns_view_csv",
    "usage:people_csv",
    "usage:refreshed",
    "usage:runs",
    "usage:start",
    "usage:statement",
    "usage:statement_csv",
    "usage:suggest_keys",
    "usage:suggest_people",
    "usage:view",
    "usage:view_csv",
    "usage:views",
    "metrics",
    "web:live",
    "web:privacy",
    "web:ready",
}
OURS = [route for route in ROUTES if ":" in route.name]
ABOUT_A_KEY = [route for route in ROUTES if route.names_a_key]


def what_is_stored() -> Counter[str]:
    """Return each row of each table as text, but sessions, which every visit may touch."""
    models = [model for model in apps.get_models() if model._meta.db_table != "django_session"]
    return Counter(
        f"{model._meta.db_table} {row}" for model in models for row in model._default_manager.values_list().iterator()
    )


def test_all_public_routes_exist() -> None:
    assert {route.name for route in ROUTES} >= PUBLIC | POST_ONLY | GET_ONLY


@pytest.mark.parametrize("method", ["get", "post"])
def test_only_public_routes_are_open_to_anonymous_users(sandbox: Sandbox, method: str) -> None:
    let_in = set()
    for route in ROUTES:
        cache.clear()  # no limit of the one before
        answer = getattr(Client(), method)(route.address)
        if not (answer.status_code == 302 and answer["Location"].startswith(f"{reverse('account_login')}?next=")):
            let_in.add(route.name)

    assert let_in == PUBLIC


@pytest.mark.parametrize("address", ["/admin/", "/admin/accounts/user/", "/admin/login/"])
def test_the_admin_pages_are_for_admins(client: Client, intern: User, address: str) -> None:
    assert client.get(address).status_code in (302, 200)
    assert signed_in(intern).get(address).status_code in (302, 403)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_the_key_of_another_person_is_not_found(
    intern: User, sandbox: Sandbox, method: str, headers: dict[str, str]
) -> None:
    key = issue(intern).key
    stranger = make_intern("stranger")
    other_method = POST_ONLY if method == "get" else GET_ONLY
    expected = {route.name: 405 if route.name in other_method else 404 for route in ABOUT_A_KEY}
    visits = [(route, signed_in(stranger)) for route in ABOUT_A_KEY]
    before = what_is_stored(), sandbox.live_keys()

    statuses = {}
    for route, browser in visits:
        cache.clear()
        ask = getattr(browser, method)
        statuses[route.name] = ask(route.for_key(key.id), {"label": "mine now"}, headers=headers).status_code

    assert statuses == expected
    assert (what_is_stored(), sandbox.live_keys()) == before


def test_get_requests_change_nothing_and_are_refused_where_a_form_is_posted(intern: User, sandbox: Sandbox) -> None:
    key = issue(intern).key
    have_a_conversation(intern)
    visits = [(route, signed_in(intern)) for route in ROUTES]
    before = what_is_stored(), sandbox.live_keys()

    refused = set()
    for route, browser in visits:
        cache.clear()
        if browser.get(route.for_key(key.id)).status_code == 405:
            refused.add(route.name)
        Client().get(route.for_key(key.id))

    assert what_is_stored() - before[0] == Counter()
    assert before == (what_is_stored(), sandbox.live_keys())
    assert {name for name in refused if ":" in name} == POST_ONLY & {route.name for route in OURS}


@pytest.mark.parametrize("method", ["delete", "post"])
def test_the_wrong_method_is_refused(intern: User, sandbox: Sandbox, method: str) -> None:
    expected = {"delete": {route.name for route in OURS}, "post": GET_ONLY}[method]
    key = issue(intern).key
    have_a_conversation(intern)

    refused = set()
    for route in OURS:
        cache.clear()
        if getattr(signed_in(intern), method)(route.for_key(key.id)).status_code == 405:
            refused.add(route.name)

    assert refused == expected & {route.name for route in OURS}


def test_a_forged_form_is_refused_and_changes_nothing(intern: User, sandbox: Sandbox) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(intern)

    answers = [browser.post(route.address) for route in OURS if route.name not in GET_ONLY | WITHOUT_FORM]

    assert {answer.status_code for answer in answers} == {403}
    assert not Key.objects.exists()
