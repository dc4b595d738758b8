"""Rules of courses that forbid an action, in words for teachers and students."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.audit_words import Words, add_words
from keys.services.refusals import PREFIX, KeyRefused
from web.templatetags.portal import moment


class CourseRefused(KeyRefused):
    """A rule of the course forbids this; nothing has changed. `reason` is one of REASONS."""


def _not_begun(values: Mapping[str, Any]) -> str:
    words = gettext("The course begins on %(when)s. You can get a key from then on.")
    return words % {"when": moment(datetime.fromisoformat(values["when"]))}


def _playground_not_begun(values: Mapping[str, Any]) -> str:
    words = gettext("“%(name)s” begins on %(when)s. It pays for answers from then on.")
    return words % {"name": values["name"], "when": moment(datetime.fromisoformat(values["when"]))}


REASONS: Final[dict[str, Words]] = {
    "course.beyond": _("This is more than your policy allows: %(what)s. Request it, or lower the values."),
    "course.account": _("This student has an account, and gets the key there."),
    "course.begun": _("The course has begun, so its start cannot be changed."),
    "course.beyond_running": _(
        "This is more than your policy allows: %(what)s. Lower the values, or request more for the course. A teacher "
        "of it with a larger policy can also do it."
    ),
    "course.changed": _("Somebody has just changed this course. Reload the page."),
    "course.draft": _("This course is not open yet."),
    "course.ended": _("This course has ended."),
    "course.frozen": _("This course is frozen. A teacher can end the freeze."),
    "course.has_key": _("This student has a key already."),
    "course.last_teacher": _("A course has at least one teacher. Add another one first."),
    "course.left": _("This person is no longer in the course."),
    "course.most_usd": _("A budget is at most 999,999.99 USD."),
    "course.no_account": _("This student has no account: create a new key on the course’s page."),
    "course.no_key": _("There is no key whose secret could be replaced. Get a new one."),
    "course.nobody": _("No active account has this user name or address."),
    "course.not_allowed": _("Your policy does not include courses. Contact the administrators."),
    "course.not_begun": _not_begun,
    "course.not_draft": _("This course has been opened already."),
    "course.over": _("The end of this course has passed. Choose a later end first."),
    "course.playground_ended": _("“%(name)s” has ended, so it no longer pays for the Playground."),
    "course.playground_frozen": _("A teacher has paused “%(name)s”: until it continues, it does not pay for answers."),
    "course.playground_left": _("You are no longer a student of “%(name)s”, so it does not pay for your answers."),
    "course.playground_none": _("This course does not pay for your Playground."),
    "course.playground_not_begun": _playground_not_begun,
    "course.presets_full": _("A course has at most %(most)d presets. Delete one first."),
    "course.state": _("This is not possible in the course’s present state."),
    "course.teacher_known": _("This person teaches the course already."),
    "course.teacher_student": _("This person is a student of the course."),
    "course.too_many": _("%(most)s courses of the same creator run already. End one of them first."),
}
add_words({PREFIX + reason: words for reason, words in REASONS.items()})
