"""App configuration."""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, policies, audit trail."""

    name = "accounts"
    verbose_name = _("People")

    def ready(self) -> None:
        """Register the checks of the settings, the words of the audit trail, and its append-only trigger."""
        from accounts import append_only, checks, trail_words
        from accounts.audit_words import add_words

        register(checks.institution_is_asked_over_https, Tags.security)
        register(checks.identity_is_asked_for, Tags.security)
        register(checks.passwords_are_sent_encrypted, Tags.security)
        register(checks.libraries_are_there)
        add_words(trail_words.WORDS)
        post_migrate.connect(append_only.protect_after_migrate, sender=self)
