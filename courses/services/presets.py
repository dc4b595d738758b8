"""The presets of a course: what its teachers prepare for the Playground and for code."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.db.models import Max

from accounts.audit import Actor
from accounts.models import AuditAction
from courses.models import Course, Preset
from courses.services.refusals import CourseRefused
from courses.services.states import lock
from courses.services.trail import audit

MOST_PRESETS: Final = 20


@transaction.atomic
def save_preset(*, course: Course, preset: Preset | None, values: Mapping[str, Any], actor: Actor) -> None:
    """Add a preset at the end, or change one. Raises CourseRefused."""
    locked = _locked(course)
    if preset:
        if not locked.presets.filter(pk=preset.pk).update(**values):
            raise CourseRefused("course.changed")
    else:
        if locked.presets.count() >= MOST_PRESETS:
            raise CourseRefused("course.presets_full", most=MOST_PRESETS)
        last = locked.presets.aggregate(last=Max("position"))["last"]
        locked.presets.create(position=0 if last is None else last + 1, **values)
    audit(actor, AuditAction.CHANGE, locked, "course.preset_saved", name=values["name"])


@transaction.atomic
def move_preset(*, course: Course, preset: Preset, up: bool) -> None:
    """Exchange a preset with the one before or after it; the first and the last stay. Raises CourseRefused."""
    order = list(_locked(course).presets.all())
    if preset not in order:
        raise CourseRefused("course.changed")
    old = order.index(preset)
    new = min(max(old + (-1 if up else 1), 0), len(order) - 1)
    order[old], order[new] = order[new], order[old]
    for position, each in enumerate(order):
        each.position = position
    Preset.objects.bulk_update(order, ["position"])


@transaction.atomic
def delete_preset(*, course: Course, preset: Preset, actor: Actor) -> None:
    """Delete a preset; conversations that began with it stay, and are no longer locked. Raises CourseRefused."""
    locked = _locked(course)
    deleted, _rows = locked.presets.filter(pk=preset.pk).delete()
    if deleted:
        audit(actor, AuditAction.CHANGE, locked, "course.preset_deleted", name=preset.name)


def _locked(course: Course) -> Course:
    """Lock the course's row. Raises CourseRefused when it has ended."""
    locked = lock(course.pk)
    if locked.state == Course.State.ENDED:
        raise CourseRefused("course.ended")
    return locked
