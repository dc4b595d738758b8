"""App configuration."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Announcements and terms of use: their pages, and the top of every page. The rows belong to accounts."""

    name = "notices"
