"""Tells whoever runs the portal what they must mend: by mail, once a day for each problem, as long as it lasts."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.models import User
from keys.heartbeat import admin_key_state, sweep_state
from usage.models import OperatorMail
from usage.services.state import poll_state

EVERY: Final = timedelta(days=1)
ADMIN_KEY, POLL, SWEEP = "admin_key", "poll", "sweep"


def alert_operators() -> int:
    """Send the mails that are due; return how many problems were told. Idempotent."""
    states = {ADMIN_KEY: admin_key_state(), POLL: poll_state(), SWEEP: sweep_state()}
    wrong = [code for code, state in states.items() if state in ("refused", "failing", "late")]
    for code in wrong:
        OperatorMail.objects.get_or_create(code=code)
    due = OperatorMail.objects.filter(Q(mailed_at=None) | Q(mailed_at__lt=timezone.now() - EVERY), code__in=wrong)
    return send_each(due, _send)


def operators() -> QuerySet[User]:
    """Return the active people with an address who may poll the gateway; superusers are among them."""
    backend = "django.contrib.auth.backends.ModelBackend"
    may = User.objects.with_perm("usage.refresh", is_active=True, include_superusers=True, backend=backend)
    return may.exclude(email="")


def _send(mail: OperatorMail) -> bool:
    """Write to each of the operators, unless another run has, or is about to."""
    row = OperatorMail.objects.filter(pk=mail.pk)
    if not claim(row.filter(mailed_at=mail.mailed_at), "mail_claimed_at"):
        return False
    with override(settings.LANGUAGE_CODE):
        subject, what, advice = _words(mail.code)
    body = f"{what}\n\n{advice}\n\n{settings.PORTAL_URL}\n"
    now = timezone.now()
    try:
        sent = [
            deliver(
                EmailMessage(f"[Passerelle] {subject}", body, to=[person.email]),
                name=f"{mail.code}-{now:%Y%m%d}-{person.pk}",
            )
            for person in operators()
        ]
    except MailServerUnavailable:
        row.update(mail_claimed_at=None)
        raise
    row.update(mail_claimed_at=None, mailed_at=now if any(sent) else mail.mailed_at)
    return any(sent)


def _words(code: str) -> tuple[str, str, str]:
    """Return subject, what is wrong, and what to do."""
    told = {
        ADMIN_KEY: (
            _("The gateway refuses the portal’s key"),
            _(
                "No key can be made, renewed or deleted, and the usage is not read, "
                "until the gateway accepts the portal’s own key again."
            ),
            _(
                "Set GATEWAY_ADMIN_KEY to a key that the gateway knows, restart web, worker and beat, "
                "then run: manage.py check_gateway"
            ),
        ),
        POLL: (
            _("The usage cannot be read from the gateway"),
            _("The numbers on the Usage pages get older. They will be read later: nothing is lost."),
            _("The worker’s log says why, at “usage.refresh_facts”. Run: manage.py check_gateway"),
        ),
        SWEEP: (
            _("Keys are not looked after"),
            _("Deletions that the gateway has not confirmed, and keys that have ended, wait."),
            _("The worker’s log says why, at “keys.sweep”. Are a worker and exactly one beat running?"),
        ),
    }
    return told[code]
