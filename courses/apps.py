"""App configuration."""

from django.apps import AppConfig


class CoursesConfig(AppConfig):
    """Courses, their teachers and students."""

    name = "courses"

    def ready(self) -> None:
        """Register the texts of the audit trail, and the hook by which members of groups come in at sign-in."""
        from accounts.at_sign_in import at_institution_sign_in
        from courses.services import joining

        at_institution_sign_in(joining.join_by_claim)
