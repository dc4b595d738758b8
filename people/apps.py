"""App configuration."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """The pages about people; no models."""

    name = "people"
