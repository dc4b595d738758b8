"""Sessions in the database, looked for by what can be a key: a cookie may hold anything, a NUL too."""

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Django's own, but a cookie with other characters than those it makes keys of is no session at all."""

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key) and len(str(key)) >= 8 and str(key).isascii() and str(key).isalnum()
