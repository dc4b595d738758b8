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
    "keys/test_kills.py": "kills the web process in the middle of every act",
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
    "accounts/test_institution_refusals.py": "what a provider says, refused before anything is stored",
    "accounts/test_institution_userinfo.py": "what a provider says, as it spells it",
    "accounts/test_locale.py": "languages and time zones of pages and mails",
    "accounts/test_openid_provider.py": "signs in at a program of another",
    "bench/": "the bench's own tests",
    "browser/": "looks at pages",
    "french/": "reads pages in French",
    "keys/test_error_reports.py": "what reports of errors leave out",
    "keys/test_get_started.py": "runs the snippets in four languages",
    "keys/test_key_status.py": "states in words",
    "keys/test_kills.py": "what pages say after a kill; test_crashes.py looks at the rows, on both",
    "keys/test_status.py": "states in words",
    "keys/views/test_check.py": "asks the gateway, and stores nothing",
    "keys/views/test_garbage.py": "what a gateway says instead of an answer; test_faults.py looks at the rows, on both",
    "people/test_access.py": "who may come in",
    "playground/test_answer_extras.py": "how answers become markup",
    "playground/test_as_code.py": "forms become code",
    "playground/test_dialects.py": "what gateways say, as they spell it",
    "playground/test_faults_before.py": "what a gateway says instead of an answer; test_faults.py runs on both",
    "playground/test_formulas.py": "how texts become markup",
    "playground/test_markdown.py": "how texts become markup",
    "playground/test_reasoning.py": "what gateways say, as they spell it",
    "playground/test_rendering.py": "how texts become markup",
    "playground/test_rendering_budget.py": "how texts become markup",
    "playground/test_rendering_processes.py": "how texts become markup",
    "playground/test_requests.py": "how rows become calls of the gateway",
    "playground/test_thoughts.py": "what gateways say, as they spell it",
    "playground/views/test_access.py": "who may come in",
    "playground/views/test_code.py": "forms become code, and nothing is stored",
    "playground/views/test_embeddings.py": "asks the gateway, and stores nothing",
    "playground/views/test_moderation.py": "asks the gateway, and stores nothing",
    "playground/views/test_xss.py": "how texts become markup",
    "portal/test_routes.py": "who may come in, method by method",
    "usage/views/test_access.py": "who may come in",
    "web/test_behind_nginx.py": "the web server",
    "web/test_logs.py": "what lines of the log leave out",
    "web/test_redirects.py": "where a form leads to",
    "web/test_security.py": "headers",
    "web/test_slow_requests.py": "the web server",
    "web/test_templates.py": "reads templates",
}
ON_BOTH: Final = {"browser/test_end_to_end.py": "goes the whole way of a person"}


def is_among(name: str, files: dict[str, str]) -> bool:
    """Tell whether a file, named from tests/ on, is one of the files or in one of the folders."""
    return name in files or any(entry.endswith("/") and name.startswith(entry) for entry in files)
