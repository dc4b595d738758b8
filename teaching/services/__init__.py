"""What teachers do for students of a running course."""

from teaching.services.actions import (
    MAX_AT_ONCE,
    Chosen,
    Done,
    StudentAction,
    act_on_students,
    choose_students,
    top_up_students,
)
from teaching.services.messages import recipients, send_messages, unsent_count, write_message

__all__ = [
    "MAX_AT_ONCE",
    "Chosen",
    "Done",
    "StudentAction",
    "act_on_students",
    "choose_students",
    "recipients",
    "send_messages",
    "top_up_students",
    "unsent_count",
    "write_message",
]
