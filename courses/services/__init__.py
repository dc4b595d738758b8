"""Operations on courses. They ask keys' services for keys, and never the gateway."""

from courses.services.growth import grow_course, grown_values, size_with
from courses.services.leaving import forget_in_courses, hand_over_keys
from courses.services.limits import (
    TITLES,
    Size,
    check_top_up,
    course_id_in,
    excess_of,
    largest,
    may_have_courses,
    request_name,
    size_of,
)
from courses.services.playground import paying_course, playground_secret_of
from courses.services.presets import delete_preset, move_preset, save_preset
from courses.services.refusals import CourseRefused
from courses.services.states import (
    change_course,
    copy_course,
    create_course,
    end_course,
    end_due_courses,
    freeze_course,
    has_begun,
    lock,
    open_course,
    thaw_course,
)
from courses.services.students import get_key, keys_of, remove_student, repair_students, replace
from courses.services.teachers import add_teacher, remove_teacher

__all__ = [
    "TITLES",
    "CourseRefused",
    "Size",
    "add_teacher",
    "change_course",
    "check_top_up",
    "copy_course",
    "course_id_in",
    "create_course",
    "delete_preset",
    "end_course",
    "end_due_courses",
    "excess_of",
    "forget_in_courses",
    "freeze_course",
    "get_key",
    "grow_course",
    "grown_values",
    "hand_over_keys",
    "has_begun",
    "keys_of",
    "largest",
    "lock",
    "may_have_courses",
    "move_preset",
    "open_course",
    "paying_course",
    "playground_secret_of",
    "remove_student",
    "remove_teacher",
    "repair_students",
    "request_name",
    "replace",
    "save_preset",
    "size_of",
    "size_with",
    "thaw_course",
]
