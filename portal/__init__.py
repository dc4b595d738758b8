"""Wiring only: settings, urls, the Celery app and its schedule, WSGI, system checks."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
