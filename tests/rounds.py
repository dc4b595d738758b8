"""Which file of tests runs in which round; single tests are marked where they stand.

`make test` leaves out SLOW; `make test-all` and `.ci/run` run it too. The round on PostgreSQL and Redis leaves out what
uses no database, and ONLY_ON_SQLITE: what a person sees, or a process does, that is the same on each database.
Services, queries, constraints, what runs at the same time, crashes, polls and exports run on both.
"""

from fnmatch import fnmatch
from typing import Final

SLOW: Final = {  # a pattern of files below tests/: why
    "keys/test_crashes.py": "kills a process at every line of every act",
    "keys/test_kills.py": "kills the web process in the middle of every act",
    "usage/test_crashes.py": "kills a worker at every step of a poll",
    "faults/*.py": "PostgreSQL and Redis restart, hang and are away",
    "playground/test_faults_servers.py": "servers restart in the middle of answers",
    "playground/test_faults_process.py": "processes are killed in the middle of answers",
    "playground/test_faults_b*.py": "gateways and browsers fail at each moment; test_faults.py is no slow one",
    "playground/test_faults_[cd]*.py": "answers that are carried or deleted in the middle",
    "web/test_slow_requests.py": "browsers that send and read slowly",
    "browser/test_real_size.py": "every full page in three widths, two colours, two languages",
    "bench/*.py": "the bench's own tests",
}
ONLY_ON_SQLITE: Final = {
    "browser/test_[!w]*.py": "looks at pages; test_whole_way.py goes the whole way on both",
    "browser/test_we*.py": "looks at pages",
    "browser/test_wi*.py": "looks at pages",
    "french/*.py": "reads pages in French",
    "bench/*.py": "the bench's own tests",
    "web/test_templates.py": "reads templates",
    "web/test_security.py": "headers",
    "web/test_slow_requests.py": "the web server",
    "web/test_behind_nginx.py": "the web server",
    "portal/test_routes.py": "who may come in, method by method",
    "accounts/test_openid_provider.py": "signs in at a program of another",
    "accounts/test_institution_refusals.py": "what a provider says, refused before anything is stored",
    "usage/views/test_access.py": "who may come in",
    "playground/views/test_access.py": "who may come in",
    "playground/views/test_xss.py": "how texts become markup",
    "playground/test_rendering*.py": "how texts become markup",
    "playground/test_as_code.py": "forms become code",
    "playground/test_dialects.py": "what gateways say, as they spell it",
    "playground/test_faults_before.py": "what a gateway says instead of an answer; test_faults.py runs on both",
    "playground/test_thoughts.py": "what gateways say, as they spell it",
    "playground/test_reasoning.py": "what gateways say, as they spell it",
}


def is_among(name: str, patterns: dict[str, str]) -> bool:
    """Tell whether a file, named from tests/ on, is meant by one of the patterns."""
    return any(fnmatch(name, pattern) for pattern in patterns)
