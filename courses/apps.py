"""App configuration."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    """Courses, their teachers and students."""

    name = "courses"
