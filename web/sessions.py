"""Sessions in the database, looked up by valid keys only: a cookie may contain anything, even a NUL."""

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's own, but a cookie with characters that no session key has is no session."""

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key) and len(str(key)) >= 8 and str(key).isascii() and str(key).isalnum()
