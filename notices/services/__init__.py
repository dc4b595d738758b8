"""Announcements and terms of use, in order of events."""

from notices.services.announcements import delete_announcement, save_announcement
from notices.services.dismissals import set_dismissed
from notices.services.terms import NothingToPublish, publish, save_draft

__all__ = ["NothingToPublish", "delete_announcement", "publish", "save_announcement", "save_draft", "set_dismissed"]
