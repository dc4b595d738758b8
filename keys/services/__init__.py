"""Operations on keys. Transactions are opened here only, and never around a call to the gateway."""

from keys.identity import GatewayChanged, accept_gateway, identify_gateway
from keys.services.after_restore import RestoreReport, repair_after_restore
from keys.services.apply_policies import Outdated, apply_policies, apply_policies_to, find_outdated
from keys.services.block import block_key, pause_key, resume_key, unblock_key
from keys.services.check import Check, check_secret
from keys.services.course_playground import (
    course_playground_budget,
    course_playground_secret,
    recheck_course_playground_key,
)
from keys.services.delete import delete_key
from keys.services.each import KeysActed, Run, run_on_each
from keys.services.gifts import finish_unowned, gifts_shown, give_key, give_keys, mail_gifts
from keys.services.grants import apply_due_grants, apply_grant, end_grant, give_grant
from keys.services.handover import (
    MAX_SHOWN,
    find_supervisor,
    hand_over,
    hand_over_all,
    may_take_over,
    possible_supervisors,
)
from keys.services.interns import change_intern, check_not_taken, create_intern, link_account
from keys.services.issue import FreshKey, KeyRequest, issue_key
from keys.services.label import relabel_key
from keys.services.leak_reports import (
    Leak,
    delete_leaked,
    end_leaked_token,
    find_key_tokens,
    find_reported_scim_tokens,
    mail_leaks,
    record_leak_of_access_token,
    record_leak_of_scim_token,
    record_leak_of_token,
    spent_since,
)
from keys.services.leaves import grace_ends_at, mail_leaves, supervisors_who_left
from keys.services.limit_mails import mail_limit_changes
from keys.services.limits import TooManyActions, count_action
from keys.services.mails import mail_of_handover, mail_of_leak
from keys.services.own_limits import LimitsSet, check_not_by_admin, set_limits
from keys.services.playground import (
    BudgetStatus,
    playground_budget,
    playground_limits,
    playground_secret,
    recheck_playground_key,
)
from keys.services.playground_rotation import replace_former_secrets
from keys.services.refusals import KeyRefused
from keys.services.remind import remind_owners, request_reminder, send_requested_reminders
from keys.services.renew import check_renewable, renew_key
from keys.services.rotate import ReplacedKey, end_old_secret, replace_leaked_secret, rotate_key
from keys.services.stay import change_stay, is_earlier
from keys.services.sweep import sweep_keys
from keys.services.sync import sync_keys
from keys.services.team_keys import end_team_key, give_team_key, issue_team_key, set_key_budget, top_up_team_keys
from keys.services.team_writes import ensure_team, write_team
from keys.services.teams import (
    change_team,
    count_differing,
    create_team,
    end_team,
    follow_team,
    follow_teams,
    freeze_team,
    thaw_team,
)
from keys.services.unowned import block_unowned, delete_unowned, kind_for, unblock_unowned

__all__ = [
    "MAX_SHOWN",
    "Check",
    "FreshKey",
    "GatewayChanged",
    "KeyRefused",
    "KeysActed",
    "Leak",
    "Outdated",
    "BudgetStatus",
    "ReplacedKey",
    "RestoreReport",
    "Run",
    "TooManyActions",
    "KeyRequest",
    "LimitsSet",
    "accept_gateway",
    "apply_due_grants",
    "apply_grant",
    "apply_policies",
    "apply_policies_to",
    "block_key",
    "block_unowned",
    "change_intern",
    "change_stay",
    "change_team",
    "check_renewable",
    "check_not_by_admin",
    "check_not_taken",
    "check_secret",
    "count_action",
    "course_playground_budget",
    "course_playground_secret",
    "count_differing",
    "create_intern",
    "create_team",
    "delete_key",
    "delete_leaked",
    "delete_unowned",
    "end_grant",
    "end_leaked_token",
    "end_old_secret",
    "end_team",
    "end_team_key",
    "ensure_team",
    "find_key_tokens",
    "find_reported_scim_tokens",
    "find_outdated",
    "find_supervisor",
    "follow_team",
    "follow_teams",
    "freeze_team",
    "give_grant",
    "finish_unowned",
    "gifts_shown",
    "give_key",
    "give_keys",
    "give_team_key",
    "grace_ends_at",
    "hand_over",
    "hand_over_all",
    "identify_gateway",
    "is_earlier",
    "issue_key",
    "issue_team_key",
    "kind_for",
    "link_account",
    "mail_gifts",
    "mail_leaks",
    "mail_leaves",
    "mail_limit_changes",
    "mail_of_handover",
    "mail_of_leak",
    "may_take_over",
    "possible_supervisors",
    "pause_key",
    "playground_limits",
    "playground_budget",
    "playground_secret",
    "recheck_course_playground_key",
    "recheck_playground_key",
    "replace_former_secrets",
    "record_leak_of_access_token",
    "record_leak_of_scim_token",
    "record_leak_of_token",
    "relabel_key",
    "remind_owners",
    "renew_key",
    "repair_after_restore",
    "request_reminder",
    "replace_leaked_secret",
    "resume_key",
    "rotate_key",
    "run_on_each",
    "send_requested_reminders",
    "set_key_budget",
    "set_limits",
    "spent_since",
    "supervisors_who_left",
    "sweep_keys",
    "sync_keys",
    "top_up_team_keys",
    "thaw_team",
    "unblock_key",
    "unblock_unowned",
    "write_team",
]
