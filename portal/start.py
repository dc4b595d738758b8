"""The first thing that every program does: load the settings, or end with one line that says what they lack."""

import os
import sys

from django.conf import LazySettings, settings
from django.core.exceptions import ImproperlyConfigured


def load_settings() -> LazySettings:
    """Return the settings; end this process with one line when one is missing or cannot be read."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        settings.INSTALLED_APPS  # noqa: B018  (the first name asked for loads them all)
    except (ImproperlyConfigured, OSError, ValueError) as problem:  # OSError: a NAME_FILE that is not there
        sys.exit(f"Not started: {problem}")
    return settings
