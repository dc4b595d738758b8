"""Audit entries about courses, and the texts of their codes."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor, record
from accounts.audit_words import Words, add_words
from accounts.models import AuditAction, AuditObject, AuditOutcome, User
from courses.models import Course
from keys.models import Team


def audit(
    actor: Actor,
    action: AuditAction,
    course: Course,
    code: str = "",
    *,
    subject: User | None = None,
    outcome: AuditOutcome = AuditOutcome.DONE,
    **details: Any,
) -> None:
    """Record an action on a course; joins the caller's transaction. `subject`: the student or teacher concerned."""
    record(
        actor=actor,
        action=action,
        outcome=outcome,
        kind=AuditObject.COURSE,
        object_id=course.pk,
        label=course.name,
        subject=subject,
        code=code,
        details=details,
    )


def _changes(values: Mapping[str, Any]) -> str:
    """Name each changed field with its values before and after."""
    fields = {field.name: str(getattr(field, "verbose_name", field.name)) for field in Course._meta.get_fields()}
    fields |= {field.name: str(field.verbose_name) for field in Team._meta.concrete_fields}
    lines = []
    for name, (before, after) in sorted(values["changes"].items()):
        words = gettext("%(field)s: %(before)s → %(after)s")
        lines.append(words % {"field": fields.get(name, name), "before": before or "–", "after": after or "–"})
    return "; ".join(lines)


WORDS: Final[dict[str, Words]] = {
    "course.changes": _changes,
    "course.copied": _("copied from another course"),
    "course.opened": _("opened"),
    "course.frozen": _("frozen"),
    "course.thawed": _("freeze ended"),
    "course.ended": _("ended"),
    "course.ended_by_date": _("ended: its end has passed"),
    "course.teacher_added": _("teacher added"),
    "course.teacher_removed": _("teacher removed"),
    "course.student_removed": _("student removed"),
    "course.entry_changed": _("changed for whom the link, or a group of the institution, opens the course"),
    "course.file_made": _("keys made as a file: %(count)d"),
    "course.file_replaced": _("secrets replaced as a file: %(count)d"),
    "course.joined": _("student joined"),
    "course.link_closed": _("link closed"),
    "course.link_renewed": _("new link made; the one before no longer works"),
    "course.preset_deleted": _("preset deleted: %(name)s"),
    "course.preset_saved": _("preset added or changed: %(name)s"),
    "course.students_added": _("students added: %(count)d"),
}
add_words(WORDS)
