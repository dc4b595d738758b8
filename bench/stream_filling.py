"""The people of the stream bench: those who stream, and those who sign in meanwhile. Needs Django set up."""

import secrets

from django.contrib.auth.hashers import make_password

from accounts.models import User

BATCH = 500


def make_people(*, streaming: int, late: int) -> str:
    """Create streamer-0, … and late-0, … with one password; return it."""
    password = secrets.token_urlsafe()
    hashed = make_password(password)
    names = [f"streamer-{number}" for number in range(streaming)] + [f"late-{number}" for number in range(late)]
    people = [User(username=name, email=f"{name}@example.edu", password=hashed) for name in names]
    User.objects.bulk_create(people, batch_size=BATCH)
    return password
