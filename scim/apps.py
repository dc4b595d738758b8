"""App configuration."""

from django.apps import AppConfig


class ScimConfig(AppConfig):
    """Provisioning by SCIM; its tables are those of accounts."""

    name = "scim"
