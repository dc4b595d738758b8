"""The rounds in which test files run; single tests are marked in their file.

`make test` leaves out SLOW; `make test-all` and `.ci/run` run it too. The round on PostgreSQL and Redis leaves out what
uses no database, and ONLY_ON_SQLITE: what a person sees, or a process does, that is the same on each database.
Services, queries, constraints, what runs at the same time, crashes, polls and exports run on both.
"""

from typing import Final

SLOW: Final = {  # a file or a folder below tests/: why
    "approvals/test_crashes.py": "kills a process at every line while a grant is given or ends",
    "bench/": "the bench's own tests",
    "browser/test_administration.py": "every list and form of Django's admin, under our Content-Security-Policy",
    "browser/test_full_pages.py": "every full page in three widths, two colours, two languages",
    "browser/test_keys_layout.py": "texts and numbers in narrow windows",
    "browser/test_odd_windows.py": "long names, paper, forced colours",
    "browser/test_playground_states.py": "axe looks at the Playground in the middle of things",
    "courses/test_crashes.py": "kills a process at every step of what is done to a course",
    "courses/test_faults.py": "the gateway fails in each way at each call of what is done to a course",
    "faults/": "PostgreSQL and Redis restart, hang and are away",
    "keys/test_crashes.py": "kills a process at every line of every act",
    "keys/test_limits_crashes.py": "kills a process at every step of a change of limits",
    "keys/test_unowned_crashes.py": "kills a process at every step of what is done with keys of nobody",
    "keys/test_kills.py": "kills the web process in the middle of every act",
    "playground/test_batch_crashes.py": "kills a process at every step of a batch",
    "playground/test_faults.py": "each fault of the sandbox, at the start and in the middle",
    "playground/test_faults_before.py": "gateways fail before an answer begins",
    "playground/test_faults_browser.py": "browsers go at each moment",
    "playground/test_faults_midstream.py": "answers that are carried in the middle",
    "playground/test_faults_deleted.py": "answers that are deleted in the middle",
    "playground/test_faults_process.py": "processes are killed in the middle of answers",
    "playground/test_faults_servers.py": "servers restart in the middle of answers",
    "playground/test_two_processes.py": "two web processes for one answer",
    "usage/test_crashes.py": "kills a worker at every step of a poll",
    "web/test_behind_nginx.py": "long links and streams behind nginx",
    "web/test_slow_requests.py": "browsers that send and read slowly",
}
ONLY_ON_SQLITE: Final = {
    "accounts/test_account.py": "pages of one's own account",
    "accounts/test_admin.py": "pages of Django's admin",
    "accounts/test_admin_trail.py": "pages of Django's admin",
    "accounts/test_administration_link.py": "a link on pages",
    "accounts/test_group_admin.py": "pages of Django's admin",
    "accounts/test_cas.py": "what a server says; test_institution_linking.py runs on both",
    "accounts/test_directory.py": "what a directory says; test_institution_linking.py runs on both",
    "accounts/test_identity_providers.py": "what a provider says; test_institution_linking.py runs on both",
    "accounts/test_institution.py": "what a provider says; test_institution_linking.py runs on both",
    "accounts/test_institution_changes.py": "what a provider says; test_institution_linking.py runs on both",
    "accounts/test_institution_groups.py": "what a provider says; test_institution_linking.py runs on both",
    "accounts/test_institution_refusals.py": "what a provider says, refused before anything is stored",
    "accounts/test_institution_userinfo.py": "what a provider says, as it spells it",
    "accounts/test_locale.py": "languages and time zones of pages and mails",
    "accounts/test_mail_choices.py": "a page, and what it leaves out",
    "accounts/test_openid_provider.py": "signs in at a program of another",
    "accounts/test_policy_admin.py": "pages of Django's admin",
    "accounts/test_seed_demo.py": "the sandbox, which is on SQLite",
    "accounts/test_sign_in.py": "pages before anybody is signed in",
    "accounts/test_sign_in_work.py": "what a sign-in costs the processor",
    "approvals/test_links.py": "signed links; test_at_once.py decides on both",
    "approvals/test_pages.py": "pages",
    "bench/": "the bench's own tests",
    "browser/": "looks at pages",
    "courses/test_my_keys.py": "pages",
    "courses/test_pages.py": "pages",
    "courses/test_student_page.py": "pages",
    "courses/test_ways_in.py": "pages",
    "french/": "reads pages in French",
    "keys/test_admin.py": "pages of Django's admin",
    "keys/test_error_reports.py": "what reports of errors leave out",
    "keys/test_forms.py": "what forms refuse",
    "keys/test_get_started.py": "runs the snippets in four languages",
    "keys/test_key_status.py": "states in words",
    "keys/test_kills.py": "what pages say after a kill; test_crashes.py looks at the rows, on both",
    "keys/test_snippets.py": "keys in code",
    "keys/test_status.py": "states in words",
    "keys/views/": "pages; the services behind them run on both",
    "notices/": "pages and banners",
    "people/test_access.py": "who has access",
    "people/test_invite.py": "pages; test_invitation_mails.py runs on both",
    "people/test_key_actions.py": "pages; the services behind them run on both",
    "people/test_limits.py": "pages; keys/test_limits_crashes.py runs on both",
    "people/test_person.py": "pages",
    "people/test_policy_editor.py": "pages; test_policy_effects.py runs on both",
    "people/test_top_ups.py": "pages; approvals/test_grants.py runs on both",
    "playground/test_answer_extras.py": "how answers become markup",
    "playground/test_as_code.py": "forms become code",
    "playground/test_dialects.py": "what gateways say, as they spell it",
    "playground/test_faults.py": "what a gateway says; test_faults_midstream.py looks at the rows, on both",
    "playground/test_faults_before.py": "what a gateway says; test_faults_midstream.py runs on both",
    "playground/test_formulas.py": "how texts become markup",
    "playground/test_markdown.py": "how texts become markup",
    "playground/test_prompt_list.py": "what lists of prompts are refused",
    "playground/test_reasoning.py": "what gateways say, as they spell it",
    "playground/test_rendering.py": "how texts become markup",
    "playground/test_rendering_budget.py": "how texts become markup",
    "playground/test_rendering_processes.py": "how texts become markup",
    "playground/test_requests.py": "how rows become calls of the gateway",
    "playground/test_thoughts.py": "what gateways say, as they spell it",
    "playground/views/": "pages; the services behind them run on both",
    "portal/test_routes.py": "who has access, method by method",
    "portal/test_safety_checks.py": "settings that are refused",
    "portal/test_write_limits.py": "how often forms are sent",
    "teaching/test_access.py": "who has access",
    "usage/views/": "pages; the queries behind them run on both",
    "web/test_behind_nginx.py": "the web server",
    "web/test_login_required.py": "who has access",
    "web/test_logs.py": "what lines of the log leave out",
    "web/test_redirects.py": "where a form leads to",
    "web/test_security.py": "headers",
    "web/test_slow_requests.py": "the web server",
    "web/test_templates.py": "reads templates",
}
ON_BOTH: Final = {  # though their folder is above
    "browser/test_end_to_end.py": "goes the whole way of a person",
    "keys/views/test_create.py": "creates at the same time as others",
    "keys/views/test_many_keys.py": "searched and sorted by the database",
    "notices/test_terms.py": "accepted at the same time as a new version",
    "playground/views/test_conversations.py": "searched by the database",
    "playground/views/test_exports.py": "rows that are read while they are sent",
    "playground/views/test_send_limits.py": "counted at the same time",
    "playground/views/test_sharing.py": "rows of a copy that refer to each other",
    "usage/views/test_everyone.py": "sorted and summed by the database",
    "usage/views/test_exports.py": "rows that are read while they are sent",
    "usage/views/test_polling.py": "started at the same time",
}

# Which states are committed, and in which order, is the same on each database: the gate kills on the one of a server.
# What web processes leave that end, or lose the gateway, in the middle of an answer is the same, too.
KILLS: Final = {
    "approvals/test_crashes.py": "gives and ends grants",
    "courses/test_crashes.py": "acts on courses",
    "courses/test_faults.py": "a gateway that fails at each call of acts on courses",
    "faults/test_restart.py": "two nodes, one after the other",
    "keys/test_crashes.py": "acts on keys",
    "keys/test_limits_crashes.py": "changes of limits",
    "keys/test_unowned_crashes.py": "acts on keys of nobody",
    "playground/test_batch_crashes.py": "batches",
    "playground/test_faults_browser.py": "browsers, in the middle of answers",
    "playground/test_faults_deleted.py": "answers that are deleted in the middle",
    "playground/test_faults_midstream.py": "answers in the middle",
    "playground/test_faults_process.py": "processes, in the middle of answers",
    "playground/test_two_processes.py": "two web processes for one answer",
    "usage/test_crashes.py": "polls",
}


def is_among(name: str, files: dict[str, str]) -> bool:
    """Tell whether a file, named from tests/ on, is one of the files or in one of the folders."""
    return name in files or any(entry.endswith("/") and name.startswith(entry) for entry in files)


def is_only_on_sqlite(name: str) -> bool:
    """Tell whether the round on PostgreSQL and Redis leaves out a file, named from tests/ on."""
    return is_among(name, ONLY_ON_SQLITE) and name not in ON_BOTH
