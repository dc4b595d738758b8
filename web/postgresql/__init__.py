"""Django's PostgreSQL backend, for servers that restart, hang and become unavailable: see base.py."""
