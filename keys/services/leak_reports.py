"""Reported leaks: end the secret at the gateway, and notify its owner, its intern and the admins (ADR 51)."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.audit import Actor
from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import compose
from accounts.models import AccessToken, AuditAction, AuditOutcome, ScimClient
from accounts.rights import people_with
from gateway.errors import GatewayError, GatewayUnavailable
from gateway.secret import redact
from keys.models import Key, LeakNotice, LeakReport, Token
from keys.models.leaks import NEWS_FOR, WHERE_LENGTH
from keys.services.delete import begin_deletion, delete_at_gateway, finish_deletion
from keys.services.trail import audit
from keys.use import use_counter
from web.tasks import ask_worker
from web.templatetags.portal import moment_and_zone

TO_KNOW: Final = "accounts.manage_people"  # the permission of the admins who are notified
GATEWAY_S: Final = 10.0  # after it no further key of a report is deleted at the gateway: GitHub waits for 30 s


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A secret that somebody found, by its hash, and where."""

    digest: str
    source: LeakReport.Source
    where: str = ""
    last_four: str = ""


def find_key_tokens(digests: Iterable[str]) -> dict[str, Token]:
    """Return the rows of the gateway keys with these secrets, by digest; one query."""
    tokens = Token.objects.select_related("key__owner", "key__intern__account").filter(token__in=digests)
    return {token.token: token for token in tokens if token.token}


@sensitive_variables("token")
def end_leaked_token(token: Token, leak: Leak, actor: Actor) -> bool:
    """End the key of a leaked secret, or only an old secret in its grace; False if it was reported before."""
    key = record_leak_of_token(token, leak, actor)
    if key is not None:
        delete_leaked([key], actor)
    return key is not None


@sensitive_variables("token")
def record_leak_of_token(token: Token, leak: Leak, actor: Actor) -> Key | None:
    """Commit that the key of a leaked secret ends, or only an old secret in its grace; None if it was reported before.

    The key that is returned is to be deleted at the gateway: where that fails, the sweep goes on.
    """
    with transaction.atomic():
        key = Key.objects.select_for_update().get(pk=token.key_id)
        if not _record(leak, token=token):
            return None
        token.refresh_from_db()
        audit(actor, AuditAction.LEAK_REPORT, AuditOutcome.DONE, token.key, "leak", **_details(leak, token.last_four))
        if token.state == Token.State.LIVE and key.state == Key.State.ACTIVE:
            begin_deletion(key, Key.Problem.LEAKED)
        elif token.state in (Token.State.LIVE, Token.State.RETIRING, Token.State.GONE):  # gone ones can come back
            Token.objects.move(token, to=Token.State.DELETING, retires_at=None)
    return token.key


def delete_leaked(leaked: Iterable[Key], actor: Actor) -> None:
    """Delete what is to be deleted of these keys at the gateway, for some seconds; the sweep does what is left.

    A gateway that is away is not called for the others: the reporter waits for the answer.
    """
    until = time.monotonic() + GATEWAY_S
    for key in leaked:
        if time.monotonic() > until:
            ask_worker("keys.sweep")
            return
        try:
            for token in Token.objects.filter(key=key, state=Token.State.DELETING):
                delete_at_gateway(token)
        except GatewayError as error:
            audit(actor, AuditAction.DELETE, AuditOutcome.UNKNOWN, key, error)
            if isinstance(error, GatewayUnavailable):
                return
            continue
        finish_deletion(key, actor)


def record_leak_of_access_token(access_token: AccessToken, leak: Leak) -> bool:
    """Record a leaked access token in the caller's transaction; False if it was reported before."""
    return _record(leak, access_token=access_token)


def find_reported_scim_tokens(digests: Iterable[str]) -> dict[str, ScimClient]:
    """Return the clients of SCIM tokens that were reported before, by digest; one query."""
    reports = LeakReport.objects.filter(scim_digest__in=digests).select_related("scim_client")
    return {report.scim_digest: report.scim_client for report in reports if report.scim_client}


def record_leak_of_scim_token(client: ScimClient, leak: Leak) -> bool:
    """Record a leaked SCIM token in the caller's transaction; False if it was reported before."""
    return _record(leak, scim_client=client, scim_digest=leak.digest, scim_last_four=leak.last_four)


def _details(leak: Leak, last_four: str) -> dict[str, str]:
    return {"source": leak.source, "where": _where(leak), "last_four": last_four}


def _where(leak: Leak) -> str:
    """Return the address of a leak, if it is one; an address can contain the secret itself.

    Characters that a database refuses (a NUL, half of a surrogate pair) are not printable.
    """
    is_address = leak.where.startswith(("https://", "http://")) and leak.where.isprintable()
    return redact(leak.where)[:WHERE_LENGTH] if is_address else ""


def _record(leak: Leak, **about: Token | AccessToken | ScimClient | str) -> bool:
    """Write the report and a notice for each person; False if there is a report, which counts this one.

    `about`: the columns that say which secret it is.
    """
    report, is_new = LeakReport.objects.get_or_create(**about, defaults={"source": leak.source, "where": _where(leak)})
    if not is_new:
        LeakReport.objects.filter(pk=report.pk).update(repeats=F("repeats") + 1)
        return False
    LeakNotice.objects.bulk_create(_notices(report))
    transaction.on_commit(lambda: ask_worker("keys.mail_leaks"), robust=True)
    return True


def _notices(report: LeakReport) -> list[LeakNotice]:
    """Return an unsaved notice for the owner, the intern and each admin; one each."""
    intern = report.intern
    readers = {report.owner.pk: LeakNotice.Role.OWNER} if report.owner else {}
    if intern and intern.account_id:
        readers.setdefault(intern.account_id, LeakNotice.Role.INTERN)
    for admin in people_with(TO_KNOW):
        readers.setdefault(admin.pk, LeakNotice.Role.ADMIN)
    notices = [LeakNotice(report=report, person_id=pk, role=role) for pk, role in readers.items()]
    if intern and not intern.account_id and intern.email:
        notices.append(LeakNotice(report=report, role=LeakNotice.Role.INTERN))
    return notices


# --- The mails ----------------------------------------------------------------------------------------
def mail_leaks() -> int:
    """Write to everybody who had no mail about a leak yet; return how many mails went out."""
    LeakNotice.objects.filter(made_at__lt=timezone.now() - NEWS_FOR).delete()
    return send_each(LeakNotice.objects.with_secrets().filter(mailed_at=None).order_by("pk"), _send)


def _send(notice: LeakNotice) -> bool:
    """Write one, unless another run has, or is about to."""
    mine = LeakNotice.objects.filter(pk=notice.pk)
    if not claim(mine.filter(mailed_at=None), "claimed_at"):
        return False
    try:
        name = f"leak-report-{notice.pk}-{notice.made_at:%Y%m%d%H%M%S}"
        sent = bool(_address(notice)) and deliver(_compose(notice), name=name)
    except MailServerUnavailable:
        mine.update(claimed_at=None)
        raise
    mine.update(claimed_at=None, mailed_at=timezone.now())
    return sent


def _address(notice: LeakNotice) -> str:
    """Return the address of the reader; none of somebody who has left."""
    if notice.person:
        return notice.person.email if notice.person.is_active else ""
    return notice.report.intern.email if notice.report.intern else ""


def _compose(notice: LeakNotice) -> EmailMessage:
    """Write the mail in the reader's language; without an account, in that of the key's owner."""
    report = notice.report
    reader = notice.person or report.owner
    if reader is None:  # notices without a person are of interns, whose keys have an owner
        raise LeakNotice.DoesNotExist
    with reading_as(reader):
        context = {
            "name": notice.person.display_name if notice.person else report.intern and report.intern.name,
            "report": report,
            "when": moment_and_zone(report.reported_at),
            "spent_usd": spent_since(report),
            "portal_url": settings.PORTAL_URL if notice.person else "",
        }
        template = f"keys/mail/leak_report_{notice.role}"
        return compose(f"{template}_subject.txt", f"{template}.txt", to=_address(notice), context=context)


def spent_since(report: LeakReport) -> Decimal | None:
    """Return the spend with a leaked secret since the UTC day of its report; None for a token of the portal."""
    return use_counter().of_secret_since(report.token, report.reported_at.date()) if report.token else None
