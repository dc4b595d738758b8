"""Shared fixtures: signed-in people, a sandbox gateway, servers; and what no test may do."""

import gc
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker, Settings

from portal.translations import compile_translations
from tests import migrated_database, network, rounds
from tests.emptying import empty_tables_quickly
from tests.requirements import REQUIREMENTS, require
from tests.sandbox_process import Sandbox
from tests.servers import Postgres, Redis
from tests.waiting import wait_until

if TYPE_CHECKING:
    from accounts.models import User
    from tests.accounts.institution import Institution
    from tests.accounts.signing_in import SignIn

HTMX = {"HX-Request": "true"}  # the header that tells a view that htmx asks
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_serialized_rollback", "live_server"}
SERVERS = pytest.StashKey[ExitStack]()
STARTED_AT = pytest.StashKey[float]()
NEW_OBJECTS_A_COLLECTION = (
    20_000  # Python's own 700 cost a tenth of the processor time: a suite has millions of objects
)
LONGEST_TEST_S = 60  # of those that count days; an idle machine needs half of it for the longest
NEED_A_VARIABLE = (
    ("REAL_GATEWAY_URL", "real_gateway"),
    ("REAL_OTHER_GATEWAY_URL", "second_real_gateway"),
    ("TOOLS_FOLDER", "tools"),
)
NAMES_A_REAL_GATEWAY = re.compile("real_gateway|contract_gateway")
TESTS = Path(__file__).resolve().parent


def pytest_configure(config: pytest.Config) -> None:
    """Guard the network; once for all workers, compile translations and start the servers that the settings name."""
    gc.set_threshold(NEW_OBJECTS_A_COLLECTION)
    network.guard_the_network()
    empty_tables_quickly()
    if hasattr(config, "workerinput"):
        return
    config.stash[STARTED_AT] = time.monotonic()
    compile_translations(settings.LOCALE_PATHS)
    servers = config.stash[SERVERS] = ExitStack()
    if os.environ.get("TEST_DATABASE") == "postgres":
        servers.enter_context(Postgres(int(os.environ["TEST_DATABASE_PORT"]), is_empty=True))
    if os.environ.get("TEST_REDIS"):
        servers.enter_context(Redis(int(os.environ["TEST_REDIS_PORT"])))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers."""
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how long it took, on what machine, and what was left out."""
    seconds = time.monotonic() - config.stash[STARTED_AT]
    left_out = "slow tests were left out: make test-all" if config.option.markexpr == "not slow" else ""
    said = [
        f"{seconds:.0f} s on {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}",
        *([left_out] if left_out else []),
    ]
    terminalreporter.write_line("; ".join(said))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file of which this round takes nothing: the import of all takes each worker seconds."""
    if collection_path.suffix != ".py" or TESTS not in collection_path.parents:
        return None
    name, marks = collection_path.relative_to(TESTS).as_posix(), config.option.markexpr
    is_left_out = (
        (marks == "not slow" and rounds.is_among(name, rounds.SLOW))
        or (marks == "not kills" and rounds.is_among(name, rounds.KILLS))
        or (marks == "real_gateway" and not NAMES_A_REAL_GATEWAY.search(collection_path.read_text(encoding="utf-8")))
        or (vendor() != "sqlite" and rounds.is_only_on_sqlite(name))
    )
    return True if is_left_out else None


def vendor() -> str:
    """Return the database of this round: "sqlite" or "postgresql"."""
    return "postgresql" if "postgresql" in settings.DATABASES["default"]["ENGINE"] else "sqlite"


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark what `tests.rounds` names, before pytest leaves out what -m does not name; when all is in order, leave out
    what is about another database and what asks real gateways or tools that nobody names, and put first what is early.

    What uses no database is the same on each: it runs on SQLite only.
    """
    for item in items:
        name = item.path.relative_to(TESTS).as_posix()
        if rounds.is_among(name, rounds.SLOW):
            item.add_marker("slow")
        if rounds.is_among(name, rounds.KILLS):
            item.add_marker("kills")
        if rounds.is_only_on_sqlite(name):
            item.add_marker(pytest.mark.only_on("sqlite"))
    yield
    left_out = {item for item in items for mark in item.iter_markers("only_on") if vendor() not in mark.args}
    if vendor() != "sqlite":
        left_out |= {item for item in items if not uses_database(item)}
    for name, mark in NEED_A_VARIABLE:
        if not os.environ.get(name):
            left_out |= {item for item in items if item.get_closest_marker(mark)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
    gc.freeze()  # all modules and tests stay
    items.sort(key=lambda item: item.get_closest_marker("early") is None)


def uses_database(item: pytest.Item) -> bool:
    """Tell whether a test asks for the database, by a mark or by a fixture."""
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(fixtures)


def seconds_to_midnight() -> float:
    """Return how long the present day (UTC) goes on. A test may ask for the day as often as it likes."""
    now = timezone.now()
    return (datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), UTC) - now).total_seconds()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or fail where REQUIRE says so, what the machine lacks; start nothing that midnight (UTC) would divide."""
    wait_until(lambda: seconds_to_midnight() > LONGEST_TEST_S, 2 * LONGEST_TEST_S)
    for name in REQUIREMENTS:
        if item.get_closest_marker(name):
            require(name)


@pytest.fixture(autouse=True)
def only_this_machine() -> Iterator[None]:
    """Fail the test that asked for another machine, though its code may have caught the refusal."""
    network.refused.clear()
    yield
    assert not network.refused


@pytest.fixture(autouse=True)
def default_language_and_zone() -> Iterator[None]:
    """Leave each test with the default language and time zone: Django keeps those of the thread's last request."""
    yield
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture(autouse=True)
def empty_cache_and_queues(request: pytest.FixtureRequest) -> None:
    """Start each test that uses the database with nothing cached or queued: no rate limit, models, task of the last."""
    if uses_database(request.node):
        database = "transactional_db" if "live_server" in request.fixturenames else "db"
        request.getfixturevalue(database)
        cache.clear()  # on Redis it empties the queues, too
        for message in settings.BROKER_DIR.glob("[0-9]*"):
            message.unlink(missing_ok=True)


# --- Database ---------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool, django_db_modify_db_settings: None) -> bool:
    """Tell whether the tables are there: those of the worker that was first, where there are several."""
    return django_db_keepdb or migrated_database.copied()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Leave the tables to the other workers."""
    with django_db_blocker.unblock():
        migrated_database.leave_copy()
    yield
    with django_db_blocker.unblock():
        connections.close_all()


# --- Servers --------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """Run one sandbox gateway for all tests of this worker."""
    with Sandbox() as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings: Settings) -> Sandbox:
    """Hand out the sandbox gateway, emptied, with the portal pointed at it."""
    sandbox_process.reset()
    settings.GATEWAY_URL = settings.GATEWAY_PUBLIC_URL = sandbox_process.url
    settings.GATEWAY_ADMIN_KEY = sandbox_process.admin_key
    return sandbox_process


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Return the URL of a PostgreSQL database with the tables of a new portal, in a cluster of this worker's own."""
    require("postgres")
    with Postgres() as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Return the URL of an empty Redis of this worker's own."""
    require("redis")
    with Redis() as server:
        yield server.url


@pytest.fixture(scope="session")
def repository() -> Path:
    """Return the project's folder."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a certificate for the loopback address, and its key, into one file."""
    from tests.certificates import certificate_and_key

    file = tmp_path_factory.mktemp("tls") / "paper.pem"
    file.write_bytes(certificate_and_key())
    return file


@pytest.fixture(scope="module")
def institution_process() -> Iterator["Institution"]:
    """Run one provider for the tests of a file."""
    from tests.accounts.institution import running

    with running() as institution:
        yield institution


@pytest.fixture
def institution(institution_process: "Institution", settings: Settings) -> "Institution":
    """Hand out the provider as new, with the portal pointed at it."""
    from tests.accounts.signing_in import point_at

    institution_process.garbage, institution_process.gives_id_token = False, True
    institution_process.has_userinfo, institution_process.userinfo_token = True, ""
    institution_process.asked, institution_process.codes = [], {}
    institution_process.id_token_claims, institution_process.end_session = {}, ""
    point_at(settings, institution_process.url)
    return institution_process


# --- People ---------------------------------------------------------------------------------------
@pytest.fixture
def intern(db: None) -> "User":
    """Make an intern: temporary keys only, three at once."""
    from tests.factories import make_intern

    return make_intern("intern")


@pytest.fixture
def staff(db: None) -> "User":
    """Make one of the staff: personal keys, may name interns."""
    from tests.factories import make_staff

    return make_staff("staff")


@pytest.fixture
def admin(db: None) -> "User":
    """Make an admin: sees everything in Django's admin."""
    from tests.factories import make_user

    return make_user("admin", is_staff=True, is_superuser=True)


@pytest.fixture
def as_intern(intern: "User") -> Client:
    """Return the browser of an intern who is signed in."""
    return signed_in(intern)


@pytest.fixture
def as_staff(staff: "User") -> Client:
    """Return the browser of one of the staff who is signed in."""
    return signed_in(staff)


@pytest.fixture
def as_admin(admin: "User") -> Client:
    """Return the browser of an admin who is signed in."""
    return signed_in(admin)


@pytest.fixture
def sign_in(client: Client) -> "SignIn":
    """Return how to fill in the sign-in form; answers its response."""
    from tests.factories import PASSWORD

    def fill_in(login: str, password: str = PASSWORD, **more: str) -> Any:
        return client.post(reverse("account_login"), {"login": login, "password": password, **more})

    return fill_in


def signed_in(user: "User") -> Client:
    """Return a browser in which `user` is signed in."""
    client = Client()
    client.force_login(user)
    return client
