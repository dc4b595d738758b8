"""What teachers do for students of a running course."""

from teaching.services.messages import recipients, send_messages, unsent_count, write_message

__all__ = ["recipients", "send_messages", "unsent_count", "write_message"]
