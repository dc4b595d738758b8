"""The people of the stream bench: those who stream, and those who sign in meanwhile. Needs Django set up."""

import secrets

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group

from accounts.models import User

BATCH = 500


def make_people(*, streaming: int, late: int, staff: int = 0) -> str:
    """Create streamer-0, …, late-0, … and, in the group Staff, staff-0, … with one password; return it."""
    password = secrets.token_urlsafe()
    hashed = make_password(password)
    numbers = {"streamer": streaming, "late": late, "staff": staff}
    names = [f"{kind}-{number}" for kind, count in numbers.items() for number in range(count)]
    people = [User(username=name, email=f"{name}@example.edu", password=hashed) for name in names]
    User.objects.bulk_create(people, batch_size=BATCH)
    Group.objects.get(name="Staff").user_set.set(User.objects.filter(username__startswith="staff-"))
    return password
