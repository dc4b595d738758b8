"""The app."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Announcements and terms of use: pages, and what every page says at its top. The rows are of accounts."""

    name = "notices"
