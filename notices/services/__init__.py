"""Operations on announcements and terms of use."""

from notices.services.announcements import delete_announcement, save_announcement
from notices.services.dismissals import NoticeChanged, set_dismissed
from notices.services.setup import (
    MailRefused,
    confirm_test_mail,
    dismiss_checklist,
    is_code_of_test_mail,
    note_policy_read,
    send_test_mail,
)
from notices.services.terms import DraftChanged, NothingToPublish, publish, save_draft

__all__ = [
    "DraftChanged",
    "MailRefused",
    "NothingToPublish",
    "NoticeChanged",
    "confirm_test_mail",
    "delete_announcement",
    "dismiss_checklist",
    "is_code_of_test_mail",
    "note_policy_read",
    "publish",
    "save_announcement",
    "save_draft",
    "send_test_mail",
    "set_dismissed",
]
