"""The people of the streams: those who stream, and those who come later and sign in meanwhile. Needs Django set up."""

import secrets

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from accounts.models import User

BATCH = 500


class AsMade(PBKDF2PasswordHasher):
    """Django's own hasher, which leaves a password that was hashed in fewer rounds as it is.

    So 500 people can sign in before the measured part without minutes of hashing, while those who sign in during it
    cost what they cost in production.
    """

    def must_update(self, encoded: str) -> bool:
        """Say no."""
        return False


def make_people(*, streaming: int, late: int) -> str:
    """Make streamer-0, … with a password of one round and late-0, … with one of as many as Django takes; return it."""
    hasher, password = AsMade(), secrets.token_urlsafe()
    quick = hasher.encode(password, hasher.salt(), iterations=1)
    thorough = hasher.encode(password, hasher.salt())
    hashed = {f"streamer-{number}": quick for number in range(streaming)}
    hashed |= {f"late-{number}": thorough for number in range(late)}
    people = [User(username=name, email=f"{name}@example.edu", password=each) for name, each in hashed.items()]
    User.objects.bulk_create(people, batch_size=BATCH)
    return password
