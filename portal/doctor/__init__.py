"""`manage.py doctor`: checks all that the portal needs on a server, and says what to do (ADR 55)."""
