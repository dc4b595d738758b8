"""What becomes of people who leave the portal: their names in courses, and the keys that they handed out (ADR 34)."""

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.audit import BY_THE_PORTAL
from accounts.models import User
from courses.models import CourseTeacher, Student
from keys.models import Key
from keys.services import give_team_key


@transaction.atomic
def forget_in_courses(person: User) -> None:
    """Blank name, address and number of a person who is anonymised, and hand over the keys that they handed out.

    Call it before their keys are deleted.
    """
    Student.objects.filter(account=person).update(name="", email="", number="")
    handed_out = Key.objects.filter(owner=person, handed_out=True, state=Key.State.ACTIVE)
    for key in handed_out.select_related("team").order_by("team", "pk"):  # locked in one order by all
        _hand_over(key)


def hand_over_keys() -> int:
    """Give keys that a person handed out who teaches the course no longer to another teacher; return how many."""
    owner_teaches = CourseTeacher.objects.filter(
        course__team=OuterRef("team"), person=OuterRef("owner"), person__is_active=True
    )
    others = CourseTeacher.objects.filter(course__team=OuterRef("team"), person__is_active=True)
    keys = Key.objects.filter(~Exists(owner_teaches), Exists(others), handed_out=True, state=Key.State.ACTIVE)
    return sum(_hand_over(key) for key in keys.select_related("team"))


def _hand_over(key: Key) -> bool:
    """Give a key to the teacher of its course who has been there longest; False if there is nobody else."""
    others = CourseTeacher.objects.filter(course__team=key.team_id, person__is_active=True).exclude(person=key.owner_id)
    other = others.select_related("person").order_by("added_at", "pk").first()
    return other is not None and give_team_key(key=key, to=other.person, actor=BY_THE_PORTAL)
