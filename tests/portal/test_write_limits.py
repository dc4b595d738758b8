"""No route lets one person write without end: each POST route is listed with its limit."""

from typing import Final

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.playground import rows
from tests.portal.routes import every_route
from tests.portal.test_routes import GET_ONLY
from web.messages import MOST

ACTIONS: Final = "KEY_ACTIONS_PER_HOUR, and refusals are counted"
ASKS: Final = (
    "PLAYGROUND_REQUESTS_PER_MINUTE, PLAYGROUND_STORED_MB_PER_USER, _CONVERSATIONS_PER_HOUR, _IMAGE_MB_PER_HOUR"
)
WAITS: Final = "answers that wait (services.quotas.COMPARISONS_WAITING), PLAYGROUND_STORED_MB_PER_USER"
CHANGES: Final = "changes or deletes rows that are there, and makes none"
NOTHING: Final = "writes nothing to the database"
MOST_VIEWS: Final = "usage.services.saved_views.MAX_VIEWS rows of a person"
ONCE: Final = "one row a person and announcement, or version of the terms"
CALLS: Final = "PLAYGROUND_REQUESTS_PER_MINUTE; one small row a call, deleted after a day"
TASKS: Final = "one task in half a minute"
ALLAUTH: Final = "a rate limit of allauth, per address and account"
BOUNDS: Final = {
    **dict.fromkeys(
        (
            *(
                "approvals:approve",
                "approvals:ask",
                "approvals:ask_course",
                "approvals:decide_by_link",
                "approvals:refuse",
                "approvals:withdraw",
                "catalogue:describe",
                "courses:add_teacher",
                "courses:copy",
                "courses:create",
                "courses:edit",
                "courses:end",
                "courses:freeze",
                "courses:open",
                "courses:remove_teacher",
                "courses:thaw",
                "courses:add_names",
                "courses:add_students",
                "courses:close_link",
                "courses:get_key",
                "courses:join",
                "courses:leave",
                "courses:make_file",
                "courses:new_link",
                "courses:replace_file",
                "courses:replace_secret",
                "courses:save_entry",
                "courses:sheet",
                "playground:create_preset",
                "playground:delete_preset",
                "playground:edit_preset",
                "playground:move_preset",
                "playground:share",
                "keys:check",
                "keys:create",
                "keys:delete",
                "keys:end_old",
                "keys:label",
                "keys:leaked",
                "keys:limits",
                "keys:pause",
                "api:device",
                "api:revoke_for",
                "api:revoke_token",
                "api:tokens",
                "keys:pause_by_link",
                "keys:renew",
                "keys:renew_all",
                "keys:renew_by_link",
                "keys:resume",
                "keys:rotate",
                "keys:intern_edit",
                "keys:intern_hand_over",
                "keys:intern_stay",
                "notices:announcement",
                "notices:delete_announcement",
                "notices:new_announcement",
                "notices:publish_terms",
                "notices:terms_versions",
                "notices:test_mail",
                "people:act_on_outside_keys",
                "people:activate",
                "people:allow_leaving",
                "people:add_members",
                "people:change_default_policy",
                "people:change_policy",
                "people:default_policy_state",
                "people:delete_group",
                "people:new_group",
                "people:policy_state",
                "people:remove_members",
                "people:cost_centre",
                "usage:delete_rate",
                "usage:rates",
                "people:group_cost_centre",
                "people:rename_group",
                "people:anonymise",
                "people:block_key",
                "people:bulk",
                "people:bulk_keys",
                "people:deactivate",
                "people:delete_key",
                "people:end_grant",
                "people:extend_key",
                "people:hand_over",
                "people:invite",
                "teaching:action",
                "teaching:message",
                "people:invite_again",
                "people:keep",
                "scim:revoke",
                "scim:secret",
                "people:limit_key",
                "people:reset_second_factor",
                "people:sign_out",
                "people:try_sign_in",
                "people:top_up",
                "people:unblock_key",
                "people:withdraw",
                "webhooks:again",
                "webhooks:delete",
                "webhooks:index",
                "webhooks:pause",
                "webhooks:resume",
                "webhooks:test",
                "webhooks:webhook",
            ),
        ),
        ACTIONS,
    ),
    **dict.fromkeys(("playground:send", "playground:retry", "playground:edit", "playground:completion"), ASKS),
    **dict.fromkeys(("playground:compare", "playground:again"), WAITS),
    "playground:go_on": "PLAYGROUND_CONVERSATIONS_PER_HOUR, PLAYGROUND_STORED_MB_PER_USER",
    "playground:batches": "PLAYGROUND_CONVERSATIONS_PER_HOUR, PLAYGROUND_STORED_MB_PER_USER, PLAYGROUND_BATCH_PROMPTS",
    **dict.fromkeys(
        (
            *("playground:delete", "playground:delete_answer", "playground:keep", "playground:rename"),
            *(
                "playground:show",
                "playground:stop",
                "playground:stop_answer",
                "playground:delete_batch",
                "playground:retry_batch",
                "playground:start_batch",
                "playground:stop_batch",
                "usage:notices_seen",
                "usage:accept_gateway",
            ),
        ),
        CHANGES,
    ),
    **dict.fromkeys(
        (
            *("playground:code", "playground:compare_code", "playground:completion_code"),
            *("playground:embeddings_code", "playground:moderation_code", "web:theme", "web:set_language"),
            *(
                "account_inactive",
                "account_email_verification_sent",
                "account_reset_password_done",
                "account_signed_out",
            ),
            *("account_reset_password_from_key_done", "account_set_password", "socialaccount_login_cancelled"),
        ),
        NOTHING,
    ),
    **dict.fromkeys(("playground:embeddings", "playground:moderation"), CALLS),
    **dict.fromkeys(("usage:change_view", "usage:delete_view"), CHANGES),
    "usage:save_view": MOST_VIEWS,
    **dict.fromkeys(("usage:refresh", "usage:reconcile", "usage:fix"), TASKS),
    **dict.fromkeys(
        (
            *("account_login", "account_signup", "account_email", "account_change_password"),
            *("account_reset_password", "account_reset_password_from_key", "account_confirm_email"),
        ),
        ALLAUTH,
    ),
    **dict.fromkeys(("account_locale", "account_mails", "account_end_session", "account_end_other_sessions"), CHANGES),
    **dict.fromkeys(("notices:confirm_mail", "notices:dismiss_checklist", "notices:policy_read"), CHANGES),
    **dict.fromkeys(("notices:accept_terms", "notices:dismiss", "notices:restore"), ONCE),
    "playground:copy_shared": "PLAYGROUND_STORED_MB_PER_USER, _CONVERSATIONS_PER_HOUR, _IMAGE_MB_PER_HOUR",
    "playground:import_conversation": "KEY_ACTIONS_PER_HOUR, _IMAGE_MB_PER_HOUR; no row, a file for the prune",
    "playground:save_import": "PLAYGROUND_STORED_MB_PER_USER, _CONVERSATIONS_PER_HOUR, _IMAGE_MB_PER_HOUR",
    "playground:end_share": CHANGES,
    "playground:favourite": "services.favourites.MAX_FAVOURITES rows of a person",
    "playground:read_files": "accounts.quotas: PLAYGROUND_FILE_READS_PER_HOUR; writes nothing",
    "api:device_authorize": "requests a minute from an address, and from all; in the cache for ten minutes",
    "api:device_token": "one token for each code that a person approved",
    "api:leak_reports": "verified reporters; one row a secret of ours",
    **dict.fromkeys(("provider_logo", "saml_metadata", "saml_sign_out"), "writes nothing"),
    "ldap_login": "accounts.limits: sign-in attempts",
    "mfa_authenticate": "accounts.limits: CODES, SECURITY_KEYS",
    **dict.fromkeys(
        ("account_add_security_key", "account_recovery_codes", "account_remove_factor", "account_totp"),
        "second_factor_views.CHANGES, second_factor.MOST_KEYS",
    ),
    "account_confirm_identity": "accounts.fresh.MAX_CHARS of the session",
    "account_logout": "ends a session",
    "saml_logout": "ends sessions",
    **dict.fromkeys(
        ("openid_connect_login", "openid_connect_callback", "cas_login", "cas_callback", "saml_login", "saml_answer"),
        "the institution's own sign-in",
    ),
}


def test_every_route_that_takes_a_post_is_named_with_what_bounds_it() -> None:
    taking = {route.name for route in every_route()} - GET_ONLY

    assert taking - BOUNDS.keys() == set(), "say here what bounds it"
    assert BOUNDS.keys() - taking == set()


@pytest.mark.django_db
def test_unread_messages_do_not_accumulate(as_intern: Client, intern: User) -> None:
    conversation = rows.conversation(intern, ("Hello", "Hi"))
    for number in range(60):
        as_intern.post(reverse("playground:rename", args=[conversation.pk]), {"title": f"{number} {'x' * 90}"})

    stored = str(dict(as_intern.session)) + str(as_intern.cookies.output())

    assert len(stored) < 8_000
    page = as_intern.get(reverse("playground:index")).content.decode()
    assert f"59 {'x' * 90}" in page
    assert page.count("Renamed to") <= MOST
