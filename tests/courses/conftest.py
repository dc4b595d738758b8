"""A course, its teacher, and a student's browser."""

import pytest
from django.test import Client

from accounts.models import User
from courses.models import Course
from tests.courses.courses import make_course


@pytest.fixture
def course(staff: User) -> Course:
    """Return an open course of the staff's."""
    return make_course(staff)


@pytest.fixture
def as_teacher(as_staff: Client) -> Client:
    """Return the browser of the course's teacher."""
    return as_staff
