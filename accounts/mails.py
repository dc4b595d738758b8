"""Mails about accounts, written and sent by a task.

So no page waits for the mail server, and the response time does not reveal whether an address is known. No link
and no address typed by a stranger passes through the broker.
"""

import json
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from accounts.delivery import identify, send
from accounts.locale import reading_as
from accounts.models import User
from web.addresses import absolute
from web.tasks import send_task
from web.templatetags.portal import moment_and_zone

LATEST_S: Final = 24 * 3600  # by then nobody waits for the mail any more
WITH_RESET_LINK: Final = {"invitation", "password_reset_by_admin", "password_reset_key"}
NOTIFICATIONS: Final = {"account_connected", "email_changed", "password_changed", "password_reset"}
BY_ADMINS: Final = {
    "access_token_revoked",
    "account_changed",
    "grant_changed",
    "key_changed",
    "keys_changed",
    "course_key_changed",
}  # `action`: a value of AuditAction
KINDS: Final = {
    *WITH_RESET_LINK,
    *NOTIFICATIONS,
    *BY_ADMINS,
    "access_token_created",
    "course_added",
    "course_ended",
    "second_factor_changed",
    "account_already_exists",
    "email_confirmation",
    "email_confirmation_signup",
}


def send_later(kind: str, user: User | None, *, robust: bool = True, **details: str | int | list[str] | None) -> None:
    """Send a mail after the commit, in the person's language; for `user=None` a task that sends nothing.

    `details`: `address_id` of the address to confirm, `to` another address than the person's, `by` and `ip` of the
    actor; of an admin's action, also the `action` and the `label` of the key or the `labels` of several, the `lines`
    of what was changed and the `reason`; of a grant `what` and `until`; of a course its name as `label`, and its
    `path`. Without `robust`, raises QueueUnavailable when the broker is unavailable; otherwise that is logged.
    """
    known = user and (user.language or user.browser_language)
    language = known or translation.get_language() or settings.LANGUAGE_CODE
    arguments = (kind, user and user.pk, language, {"at": timezone.now().isoformat(), **details})
    transaction.on_commit(
        lambda: send_task("accounts.send_mail", arguments, expires=LATEST_S),
        robust=robust,
    )


def send_mail(kind: str, user_id: int | None, language: str, details: dict[str, Any]) -> bool:
    """Write and send one mail now; False when there is no recipient any more. Raises OSError.

    A task that is run again, as its worker was killed, sends it with the same Message-ID.
    """
    user = User.objects.filter(pk=user_id).first() if user_id else None
    if user is None or user.anonymised_at:
        return False
    to = details.get("to") or user.email
    context = {**details, "user": user, "portal_url": settings.PORTAL_URL}
    if kind in WITH_RESET_LINK:
        context["link"] = absolute(reset_path(user))
    elif "address_id" in details:
        address = EmailAddress.objects.filter(pk=details["address_id"], user=user, verified=False).first()
        to = address.email if address else ""
        confirm = address and reverse("account_confirm_email", args=[EmailConfirmationHMAC(address).key])
        context["link"] = absolute(confirm)
    else:
        context["link"] = absolute(reverse("account_reset_password"))
    if not to:
        return False
    with reading_as(user, language=language):
        context["when"] = moment_and_zone(datetime.fromisoformat(details["at"]))
        subject, body = f"account/email/{kind}_subject.txt", f"account/email/{kind}_message.txt"
        message = compose(subject, body, to=to, context=context)
    about = sha256(json.dumps([to, details], sort_keys=True).encode()).hexdigest()[:20]
    identify(message, name=f"{kind}-{user.pk}-{about}")
    send(message)
    return True


def compose(subject: str, body: str, *, to: str, context: dict[str, Any]) -> EmailMessage:
    """Return the mail that these two templates render, in the active language; its subject begins with the portal."""
    title = " ".join(render_to_string(subject, context).splitlines()).strip()
    text = render_to_string(body, context).strip()
    return EmailMessage(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{title}", text, to=[to])


def reset_path(user: User) -> str:
    """Return the path of a new single-use link with which this person chooses a password."""
    key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return reverse("account_reset_password_from_key", kwargs=key)
