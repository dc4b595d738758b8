"""Tells which texts are e-mail addresses."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models import User


def as_mail_address(text: str | None) -> str:
    """Return the text in small letters if it is an address that an account can have, else ""."""
    try:
        validate_email(text or "")
    except ValidationError:
        return ""
    longest = User._meta.get_field("email").max_length or 0
    return text.lower() if text and len(text) <= longest else ""
