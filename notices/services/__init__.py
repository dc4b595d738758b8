"""Announcements and terms of use, in order of events."""

from notices.services.announcements import delete_announcement, dismiss, save_announcement
from notices.services.terms import NothingToPublish, publish, save_draft

__all__ = ["NothingToPublish", "delete_announcement", "dismiss", "publish", "save_announcement", "save_draft"]
