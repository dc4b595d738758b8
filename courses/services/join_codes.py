"""The code of a course's link: 60 bits, derived from the portal's secret, the course and a serial (ADR 34).

The row has its SHA-256 only, so a copy of the database opens no course. Codes are written in Crockford's Base32.
"""

import hashlib
from typing import Final

from courses.models import Course
from web.derived import digest_of, digests_of

SALT: Final = "courses.join"
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 12  # of 5 bits each
AS_TYPED: Final = str.maketrans("OIL", "011", "- ")


def derive_code(course: Course) -> str:
    """Return the code of the course's present serial."""
    return _code_from(digest_of(SALT, _of(course)))


def code_of(course: Course) -> str:
    """Return the code that works; "" where the link is closed, or the portal's secret has changed since."""
    codes = map(_code_from, digests_of(SALT, _of(course)))
    return next((code for code in codes if course.join_hash == hash_of(code)), "")


def _of(course: Course) -> str:
    return f"{course.pk.hex}:{course.join_serial}"


def _code_from(digest: bytes) -> str:
    number = int.from_bytes(digest[:8], "big") >> (64 - 5 * LENGTH)
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))


def hash_of(code: str) -> str:
    """Return what the row has of a code, as typed: case, dashes and similar letters do not count."""
    return hashlib.sha256(code.upper().translate(AS_TYPED).encode(errors="replace")).hexdigest()
