"""What a student sees of a course and of their key, in words and amounts."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts.models import User
from accounts.policies import policy_of
from courses.models import Course, Preset, Student
from keys.models import Key
from keys.use import Spent, TeamUse
from web.templatetags.portal import moment


@dataclass(frozen=True, slots=True)
class OfferedPreset:
    """A preset of the course; `opens`: the course, or the student's own policy, has its model in the Playground."""

    preset: Preset
    opens: bool


@dataclass(frozen=True, slots=True)
class OfferedPresets:
    """The presets that a student can use now; `playground`: their policy includes the Playground at all, or the course
    pays for it (`paid`)."""

    rows: list[OfferedPreset]
    playground: bool
    paid: bool


def presets_for(student: Student, person: User) -> OfferedPresets:
    """Return the presets of a running course; none before its start, while it is frozen, and after its end."""
    rule = policy_of(person).rules[Key.Kind.PLAYGROUND]
    presets = Preset.objects.open_to(person).filter(course=student.course)
    own = rule.models if rule.allowed else ()
    paid = Course.objects.paying_for(person).filter(pk=student.course_id).exists()
    offered = [own, student.course.team.model_names] if paid else [own]
    rows = [
        OfferedPreset(preset, opens=any(names is None or preset.model in names for names in offered))
        for preset in presets
    ]
    return OfferedPresets(rows, playground=rule.allowed or paid, paid=paid)


@dataclass(frozen=True, slots=True)
class StudentPage:
    """The state of a student's key, and what can be done now."""

    student: Student
    use: TeamUse

    @property
    def key(self) -> Key | None:
        """The key that the student has, or had."""
        return self.student.key

    @property
    def has_key(self) -> bool:
        """Whether there is a key that works, or will once the course is thawed."""
        return self.key is not None and self.key.state == Key.State.ACTIVE

    @property
    def is_over(self) -> bool:
        """Whether the course has ended, or its end has passed."""
        return self.student.course.is_over

    @property
    def may_get_key(self) -> bool:
        """Whether the button is there."""
        course = self.student.course
        gone = self.key is None or self.key.state in Key.OVER_STATES
        return course.state == Course.State.OPEN and not self.is_over and not course.starts_later and gone

    @property
    def own(self) -> Spent:
        """The budget of the key, and its spend."""
        key = self.key
        budget = key.budget_usd if key else self.student.course.team.key_budget_usd
        return Spent(budget_usd=budget, budget_period="", spent_usd=self.use.key_spent_usd, resets_on=None)

    @property
    def course_left_usd(self) -> Decimal:
        """What is left of the course's budget for all."""
        return max(Decimal(0), self.student.course.team.budget_usd - self.use.spent_usd)

    @property
    def is_used_up(self) -> bool:
        """Whether the gateway refuses the key until a teacher gives more."""
        return self.own.tone == "bad" or not self.course_left_usd

    @property
    def tone(self) -> str:
        """The tone of the state: ok, warn, bad, info, idle."""
        if self.is_over or self.student.course.state == Course.State.FROZEN:
            return "idle"
        if self.has_key and self.key and self.key.blocked:
            return "bad"
        if self.has_key:
            return "bad" if self.is_used_up else "ok"
        return "info"

    @property
    def sentence(self) -> str:
        """The state in plain words."""
        course = self.student.course
        if self.is_over:
            return _("This course has ended. Its keys no longer work.")
        if course.state == Course.State.FROZEN:
            return _("Your teacher has paused this course. Keys do not work until it continues.")
        if course.starts_later:
            return _("You can get your key from %(when)s on.") % {"when": moment(course.starts_at)}
        return self._sentence_of_key()

    def _sentence_of_key(self) -> str:
        key = self.key
        if key is None or key.state == Key.State.FAILED:
            return _("You have no key yet. One takes about ten seconds.")
        if key.state == Key.State.ISSUING:
            return _("Your key is being created. Reload this page in a minute.")
        if key.state == Key.State.DELETING:
            return _("Your key is being deleted. Reload this page in a minute.")
        if key.state == Key.State.DELETED:
            return _("Your key has ended. You can get another, with the rest of your budget.")
        if key.blocked:
            return _("Your key is blocked. Contact your teacher.")
        if self.own.tone == "bad":
            return _("The budget of your key is used up. Contact your teacher.")
        if not self.course_left_usd:
            return _("The budget of the course is used up. Contact your teacher.")
        return _("Your key works.")
