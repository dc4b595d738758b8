"""App configuration."""

from django.apps import AppConfig


class TeachingConfig(AppConfig):
    """The pages about running courses, and the mails to their students."""

    name = "teaching"
    default_auto_field = "django.db.models.BigAutoField"
