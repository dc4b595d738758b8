"""The Celery app; its settings are the `CELERY_…` names of portal/settings.py."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_the_log_as_it_is(**kwargs: Any) -> None:
    """Leave the log to LOGGING of the settings: Celery configures it by its own options when nobody is connected."""
