"""Wiring only: settings, urls, the Celery app and its schedule, WSGI, system checks.

Nothing is imported here: rendering processes import this package, and would keep Celery and Django in memory (ADR 60).
"""
