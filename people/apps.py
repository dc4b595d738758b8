"""The app of the pages about people."""

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Has no models."""

    name = "people"
