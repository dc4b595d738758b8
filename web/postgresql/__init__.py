"""Django's PostgreSQL backend, for servers that restart, hang and go away: see base.py."""
