"""When a supervisor leaves: interns' keys work for a grace period, and everybody concerned gets one mail (ADR 27)."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.delivery import MailServerUnavailable, claim, deliver, send_each
from accounts.locale import reading_as
from accounts.mails import LATEST_S, compose
from accounts.models import User
from accounts.names import name_order
from accounts.rights import people_with
from keys.models import Intern, Key, LeaveMail, SupervisorLeave
from web.tasks import QueueUnavailable, send_task
from web.templatetags.portal import moment_and_zone

MAY_HAND_OVER: Final = "accounts.manage_people"  # people with it get a mail


def supervisors_who_left() -> QuerySet[User]:
    """Return people with an inactive account while their interns have live keys."""
    used = Key.objects.live().filter(intern__supervisor=OuterRef("pk"))
    return User.objects.filter(Exists(used), is_active=False, anonymised_at=None)


def grace_ends_at(leave: SupervisorLeave | None = None) -> datetime:
    """Return until when the keys of interns work; without a leave, as if their supervisor left now."""
    since = leave.noticed_at if leave else timezone.now()
    return since + timedelta(days=settings.SUPERVISOR_GRACE_DAYS)


def stops_with_owner() -> Q:
    """Return the condition of keys that stop while their owner is inactive.

    Those of interns work for the grace period; those of an intern who was handed over move to the new supervisor.
    """
    over = timezone.now() - timedelta(days=settings.SUPERVISOR_GRACE_DAYS)
    return Q(intern=None) | Q(intern__supervisor=F("owner"), owner__leave__noticed_at__lte=over)


def note_leaves() -> None:
    """Record who left, with the mails about it; delete leaves of people who are back, or whose interns have no key."""
    left = supervisors_who_left()
    SupervisorLeave.objects.exclude(supervisor__in=left).delete()
    for supervisor in left.filter(leave=None):
        _note(supervisor)


@transaction.atomic
def _note(supervisor: User) -> None:
    leave, is_new = SupervisorLeave.objects.get_or_create(supervisor=supervisor)
    if not is_new:  # another sweep was faster
        return
    with_keys = Exists(Key.objects.live().filter(intern=OuterRef("pk")))
    interns = Intern.objects.supervised_by(supervisor).filter(with_keys).exclude(email="")
    mails = [LeaveMail(leave=leave, intern=intern) for intern in interns]
    managers = people_with(MAY_HAND_OVER).exclude(email="")
    mails += [LeaveMail(leave=leave, manager=manager) for manager in managers]
    LeaveMail.objects.bulk_create(mails)
    transaction.on_commit(_send_soon, robust=True)


def _send_soon() -> None:
    try:
        send_task("keys.mail_leaves", expires=LATEST_S)
    except QueueUnavailable:
        return  # the schedule does


def mail_leaves() -> int:
    """Write to everybody concerned by a leave who has had no mail about it; return how many mails went out."""
    waiting = LeaveMail.objects.filter(done_at=None).select_related("leave__supervisor", "intern__account", "manager")
    return send_each(waiting.order_by("pk"), _send)


def _send(row: LeaveMail) -> bool:
    """Write one, unless another run has, or is about to."""
    mine = LeaveMail.objects.filter(pk=row.pk)
    if not claim(mine.filter(done_at=None), "claimed_at"):
        return False
    name = f"leave-{row.leave_id}-{row.pk}-{row.leave.noticed_at:%Y%m%d%H%M%S}"
    try:
        sent = deliver(_compose(row), name=name)
    except MailServerUnavailable:
        mine.update(claimed_at=None)
        raise
    mine.update(claimed_at=None, done_at=timezone.now())
    return sent


def _compose(row: LeaveMail) -> EmailMessage:
    """Write the mail in the reader's language; an intern without an account gets the supervisor's."""
    supervisor, ends_at = row.leave.supervisor, grace_ends_at(row.leave)
    interns = Intern.objects.supervised_by(supervisor).filter(keys__in=Key.objects.live()).distinct()
    names = sorted((intern.name for intern in interns), key=name_order)
    if row.intern:
        reader, kind, to, name = row.intern.account or supervisor, "intern", row.intern.email, row.intern.name
    else:
        assert row.manager  # noqa: S101  (a constraint: one of the two)
        reader, kind, to, name = row.manager, "manager", row.manager.email, row.manager.display_name
    with reading_as(reader):
        context: dict[str, Any] = {
            "supervisor": supervisor,
            "name": name,
            "interns": names,
            "when": moment_and_zone(ends_at),
            "is_over": ends_at <= timezone.now(),
            "portal_url": "" if kind == "intern" else settings.PORTAL_URL,
        }
        template = f"keys/mail/left_{kind}"
        return compose(f"{template}_subject.txt", f"{template}.txt", to=to, context=context)
