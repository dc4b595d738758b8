"""Who can pay for a person's answers: the person, within their policy, or a course for its students (ADR 34)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from uuid import UUID

from django.db.models import Exists

from accounts.models import User
from accounts.policies import Allowance
from courses.models import Course
from courses.services import CourseRefused, paying_course
from keys.catalogue import CHAT_MODES
from keys.models import GatewayModel, Key
from playground.services.favourites import with_favourites

OWN: Final = "own"  # the value of the person's own budget in forms


@dataclass(frozen=True)
class Payers:
    """Who can pay for a person's answers now, and for which of the gateway's models, which are in its order."""

    person: User
    all_models: Sequence[GatewayModel]
    own_names: frozenset[str] | None  # None: all
    courses: Sequence[Course]

    @classmethod
    def of(cls, user: User, allowance: Allowance, modes: Sequence[str] = CHAT_MODES) -> "Payers":
        """Return the payers of a person's conversations; one query, and one more if a course pays."""
        rule = allowance.rules[Key.Kind.PLAYGROUND]
        named = rule.models if rule.allowed else ()
        courses = Course.objects.paying_for(user).order_by("name", "pk")
        models = list(with_favourites(user).annotate(has_paying_course=Exists(courses)))
        return cls(
            person=user,
            all_models=[model for model in models if model.mode in modes],
            own_names=None if named is None else frozenset(named),
            courses=list(courses) if any(model.has_paying_course for model in models) else [],
        )

    @cached_property
    def own_models(self) -> list[GatewayModel]:
        """The models within the person's policy."""
        return self.models_of(None)

    @cached_property
    def models(self) -> list[GatewayModel]:
        """The models that anybody pays for."""
        names = {model.name for payer in (None, *self.courses) for model in self.models_of(payer)}
        return [model for model in self.all_models if model.name in names]

    def models_of(self, course: Course | None) -> list[GatewayModel]:
        """Return the models that a course pays for, or without one the person."""
        named = self.own_names if course is None else course.team.model_names
        return [model for model in self.all_models if named is None or model.name in named]

    def course(self, course_id: object) -> Course | None:
        """Return the course of this id, if it pays."""
        return next((course for course in self.courses if str(course.pk) == str(course_id)), None)

    def why_not(self, course_id: UUID | str) -> str:
        """Say why a course does not pay; "" if it does."""
        try:
            paying_course(person=self.person, course_id=UUID(str(course_id)))
        except CourseRefused as refusal:
            return str(refusal)
        except ValueError:
            return str(CourseRefused("course.playground_none"))
        return ""

    def usual(self, course_id: object) -> Course | None:
        """Return who pays unless somebody else is chosen: this course, else the person, else the first course."""
        first = None if self.own_models or not self.courses else self.courses[0]
        return self.course(course_id) or first
