"""Courses, their teachers, presets and students, as rows."""

from courses.models.courses import MOST_STUDENTS, Course, CourseQuerySet, CourseTeacher, Preset, PresetQuerySet
from courses.models.students import Student, StudentQuerySet

__all__ = [
    "MOST_STUDENTS",
    "Course",
    "CourseQuerySet",
    "CourseTeacher",
    "Preset",
    "PresetQuerySet",
    "Student",
    "StudentQuerySet",
]
