"""Code of a bench inside the portal, in a process of its own: `python -m bench.inside <act> …`; prints one JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from io import StringIO
from typing import Any, Final

import django

PAGES: Final = {  # name: who opens it, route, query
    "My keys": ("person-0", "keys:index", ""),
    "My usage, 30 days": ("person-0", "usage:index", ""),
    "Everyone, 30 days": ("admin", "usage:everyone", ""),
    "People": ("admin", "people:index", ""),
    "Groups": ("admin", "people:groups", ""),
    "A group of 1,000 people": ("admin", "people:group", ""),
    "Keys of all people": ("admin", "people:keys", ""),
    "Keys of all people, by spend": ("admin", "people:keys", "?order=-spend"),
    "Keys of all people, by owner": ("admin", "people:keys", "?order=owner"),
    "Keys of all people, searched": ("admin", "people:keys", "?q=person-1"),
    "Keys of all people, the last page": ("admin", "people:keys", "?page=99999"),
}
EXPLORED: Final = {  # name: split, metric, filters
    "by model": ("model", "spend", {}),
    "by group": ("group", "requests", {}),
    "by person": ("person", "spend", {}),
    "by key": ("key", "failed-share", {}),
    "by kind, of a group": ("kind", "tokens-in", {"group": "Staff"}),
    "by person, of a kind": ("person", "response", {"kind": "personal"}),
    "different people by day": ("model", "people", {}),
    "different keys by person": ("person", "keys", {}),
    "different keys by kind, of a group": ("kind", "keys", {"group": "Staff"}),
}
Json = dict[str, Any]


def make_ground() -> None:
    """Create the tables, and the static files if they are missing."""
    from django.conf import settings
    from django.core.management import call_command

    from portal.translations import compile_translations

    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    compile_translations(settings.LOCALE_PATHS)
    if not (settings.STATIC_ROOT / "staticfiles.json").exists():
        call_command("collectstatic", verbosity=0, interactive=False, stdout=StringIO())


def fill(facts: int) -> Json:
    """Create tables, data set and facts, where another run has not left them in the database."""
    from bench.filling import make_crowd, make_facts
    from usage.models import Fact

    began = time.monotonic()
    make_ground()
    if not Fact.objects.exists():
        make_crowd()
        if facts:
            make_facts(facts)
    return {"seconds": time.monotonic() - began, "pages": _addresses()}


def _path(route: str, query: str) -> str:
    from django.contrib.auth.models import Group
    from django.urls import reverse

    numbers = [Group.objects.get(name="Interns").pk] if route == "people:group" else []
    return reverse(route, args=numbers) + query


def _addresses() -> dict[str, Json]:
    """Return the pages with a session for each."""
    from django.conf import settings

    found = {}
    for name, (who, route, query) in PAGES.items():
        cookie = _signed_in(who).cookies[settings.SESSION_COOKIE_NAME]
        found[name] = {"path": _path(route, query), "cookie": {cookie.key: cookie.value}}
    return found


def _signed_in(username: str) -> Any:
    from django.test import Client

    from accounts.models import User

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=username))
    return client


def look() -> Json:
    """Count the queries of each warm page, and time it after a poll with changes: nothing cached."""
    from django.db import connection
    from django.db.models import F
    from django.test.utils import CaptureQueriesContext

    from usage.models import UsageState

    seen = {}
    for name, (who, route, query) in PAGES.items():
        client, path = _signed_in(who), _path(route, query)
        client.get(path)  # compiles templates
        UsageState.objects.update(version=F("version") + 1)
        began = time.perf_counter()
        answer = client.get(path)
        fresh_ms = (time.perf_counter() - began) * 1000
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        seen[name] = {"status": answer.status_code, "queries": len(queries), "fresh_ms": fresh_ms}
    return seen


def explore() -> Json:
    """Time the numbers of the explorer over 30 days, nothing cached; count the queries."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from usage.models import utc_today
    from usage.periods import named
    from usage.queries.explorer import Question
    from usage.queries.labels import Asked, explored
    from usage.queries.scope import scope_of

    seen = {}
    for name, (split, metric, filters) in EXPLORED.items():
        asked, period = Asked(question=Question(split=split, metric=metric), limit=25), named("30d", utc_today())
        times = []
        for _ in range(5):
            began = time.perf_counter()
            explored(asked, scope_of(filters), period)
            times.append((time.perf_counter() - began) * 1000)
        with CaptureQueriesContext(connection) as queries:
            explored(asked, scope_of(filters), period)
        seen[name] = {"ms": sorted(times)[2], "queries": len(queries)}
    return seen


def compare() -> Json:
    """Compare the explorer with plain SQL over the facts; return the number of differences, and the first ones."""
    from itertools import islice

    from bench.differences import differences

    began, found = time.perf_counter(), differences()
    first = list(islice(found, 10))
    return {"differences": len(first) + sum(1 for _ in found), "first": first, "s": time.perf_counter() - began}


def hostile(count: int) -> Json:
    """Create two conversations of so many answers that are expensive to render; return their URLs and a session."""
    from itertools import islice

    from django.conf import settings
    from django.urls import reverse

    from accounts.models import User
    from tests.playground.hostile import dearest_texts
    from tests.playground.rows import conversation

    owner, paths = User.objects.get(username="person-0"), []
    for number in range(2):
        turns = [(f"Question {number}", f"{number} {text}") for text in islice(dearest_texts(), count)]
        paths.append(reverse("playground:conversation", args=[conversation(owner, *turns).pk]))
    cookie = _signed_in("person-0").cookies[settings.SESSION_COOKIE_NAME]
    return {"paths": paths, "cookie": {cookie.key: cookie.value}}


def welcome(streaming: int, late: int, staff: int = 0) -> Json:
    """Create tables and the people of the streams, and read the gateway's list of models."""
    from bench.stream_filling import make_people
    from keys.catalogue import refresh_models

    make_ground()
    password = make_people(streaming=streaming, late=late, staff=staff)
    refresh_models()
    return {"password": password}


def classroom(students: int) -> Json:
    """Create tables and a course with students who have no keys yet."""
    from bench.course_filling import make_class
    from keys.catalogue import refresh_models

    make_ground()
    refresh_models()
    return make_class(students)


def programs(count: int) -> Json:
    """Create tables, and so many people with a key and an access token."""
    from bench.api_filling import make_programs

    make_ground()
    return make_programs(count)


def change_course(keys: int) -> Json:
    """Freeze, thaw, change and end the course with so many keys."""
    from bench import course_filling

    return course_filling.change_course(keys)


def poll() -> Json:
    """Poll today once; return its duration and the peak memory of this process."""
    from usage.models import PollRun, UsageState, utc_today
    from usage.services import refresh_facts

    UsageState.objects.update(cooldown_until=None)
    run = refresh_facts(utc_today(), utc_today(), PollRun.Kind.TODAY)
    return {
        "outcome": run.outcome,
        "problem": run.problem,
        "rows_read": run.rows_read,
        "rows_written": run.rows_written,
        "gateway_s": run.gateway_s,
        "own_s": run.seconds - run.gateway_s,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def hour() -> Json:
    """Send each regular task twelve times, as an hour of light use would; a year is read once, after the start."""
    from portal.celery import app

    schedule = app.conf.beat_schedule
    entries = [schedule[name] for name in schedule if name != "usage.backfill"] * 12
    for entry in entries:
        app.send_task(entry["task"], args=entry.get("args", ()))
    return {"sent": len(entries)}


def main(action: str, *numbers: str) -> None:
    """Run one action."""
    django.setup()
    actions: dict[str, Callable[..., Json]] = {
        "change_course": change_course,
        "classroom": classroom,
        "compare": compare,
        "explore": explore,
        "fill": fill,
        "hostile": hostile,
        "hour": hour,
        "look": look,
        "poll": poll,
        "programs": programs,
        "welcome": welcome,
    }
    result = actions[action](*map(int, numbers))
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
