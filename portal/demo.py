"""Demo data of `make run`: keys for the demo people, through the real service, and their usage in the sandbox."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.audit import BY_THE_PORTAL
from accounts.models import User
from gateway.errors import GatewayError
from keys.models import Intern, Key
from keys.services import KeyRefused, KeyRequest, issue_key
from portal.demo_course import make_demo_course, spread_over_hours

PAST_DAYS: Final = 60
COURSE_DAYS: Final = 10
COURSE_CHATS: Final = 2  # of the first student; the others have more
ASK_TIMEOUT_S: Final = 20


class Past(NamedTuple):
    """A demo person's keys, and about how many chats with each model on a weekday."""

    username: str
    chats: int
    key_requests: tuple[KeyRequest, ...]


PASTS: Final = (
    Past("intern", 60, (KeyRequest(label="Seminar", kind=Key.Kind.TEMPORARY),)),
    Past(
        "staff",
        150,
        (
            KeyRequest(label="Group server", kind=Key.Kind.PERSONAL),
            KeyRequest(label="Summer stay", kind=Key.Kind.TEMPORARY, intern=Intern(name="Intern D")),
        ),
    ),
    Past("admin", 30, (KeyRequest(label="Evaluation", kind=Key.Kind.PERSONAL),)),
)


def give_demo_people_a_past(say: Callable[[str], None]) -> None:
    """Create keys for demo people who never had one, and usage of them; nothing at a second start."""
    try:
        for seed, past in enumerate(PASTS, start=1):
            person = User.objects.filter(username=past.username).first()
            if person and not Key.objects.owned_by(person).exists():
                _give_past(person, past, seed)
        students = make_demo_course()
        for seed, student in enumerate(students, start=len(PASTS) + 1):
            _make_up_use(student, days=COURSE_DAYS, seed=seed, chats=COURSE_CHATS * seed)
        spread_over_hours(students)
    except (GatewayError, KeyRefused, requests.RequestException) as problem:
        say(f"Demo people have no past this time: {problem}")
    finally:
        connection.close()


def _give_past(person: User, past: Past, seed: int) -> None:
    for key_request in past.key_requests:
        key = issue_key(
            owner=person, actor=BY_THE_PORTAL, key_request=key_request
        ).key  # nobody sees its secret; replacing it gives one
        Key.objects.filter(pk=key.pk).update(created_at=timezone.now() - timedelta(days=PAST_DAYS))
    _make_up_use(person, days=PAST_DAYS, seed=seed, chats=past.chats)


def _make_up_use(person: User, *, days: int, seed: int, chats: int) -> None:
    answer = requests.post(
        f"{settings.GATEWAY_URL}/sandbox/history",
        json={"user_id": person.gateway_user_id, "days": days, "seed": seed, "chats": chats},
        headers={"Authorization": f"Bearer {settings.GATEWAY_ADMIN_KEY}"},
        timeout=ASK_TIMEOUT_S,
    )
    answer.raise_for_status()
