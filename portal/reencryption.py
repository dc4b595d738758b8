"""Encrypts what the database holds encrypted once more, with the newest secret, so that older ones can be dropped."""

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import Webhook
from accounts.second_factor_adapter import PURPOSE
from web.encryption import Undecryptable, encrypt_again
from webhooks.services.manage import SIGNING_PURPOSE, URL_PURPOSE


def encrypt_all_again() -> tuple[int, int]:
    """Encrypt every row again; return how many were, and how many no secret of ENCRYPTION_SECRETS opens."""
    done = lost = 0
    for is_done in (*_second_factors(), *_webhooks()):
        done, lost = done + is_done, lost + (not is_done)
    return done, lost


def _second_factors() -> Iterator[bool]:
    """Do secrets of authenticator apps and seeds of recovery codes, each locked: a code may be used meanwhile."""
    types = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
    for pk in Authenticator.objects.filter(type__in=types).values_list("pk", flat=True).iterator():
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            if row is None:
                continue
            try:
                for name in {"secret", "seed"} & row.data.keys():
                    row.data[name] = encrypt_again(row.data[name], purpose=PURPOSE)
            except Undecryptable:
                yield False
                continue
            row.save(update_fields=["data"])
        yield True


def _webhooks() -> Iterator[bool]:
    """Do addresses and signing secrets; nothing else changes them."""
    for row in Webhook.objects.all():
        try:
            url = encrypt_again(row.url, purpose=URL_PURPOSE)
            secret = encrypt_again(row.secret, purpose=SIGNING_PURPOSE)
        except Undecryptable:
            yield False
            continue
        Webhook.objects.filter(pk=row.pk).update(url=url, secret=secret)
        yield True
