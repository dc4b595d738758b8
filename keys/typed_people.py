"""Checks the names and addresses in a list of people; each check returns its reasons for a refusal."""

from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from keys.forms import clean_line, refuse_secret

MAX_NAME: Final = 150  # characters of first and last name each, as accounts have them
MAX_ADDRESS: Final = 254


def why_not_address(email: str) -> list[str]:
    """Refuse what is no address, or a secret."""
    if not email:
        return [_("There is no e-mail address.")]
    try:
        validate_email(email)
        refuse_secret(email)
    except ValidationError:
        return [_("“%(address)s” is no e-mail address.") % {"address": email[:80]}]
    return [_("The e-mail address is too long.")] if len(email) > MAX_ADDRESS else []


def why_not_name(first_name: str, last_name: str) -> list[str]:
    """Refuse a name that is too long, has hidden characters, or is a secret."""
    if max(len(first_name), len(last_name)) > MAX_NAME:
        return [_("The name is too long.")]
    try:
        clean_line(f"{first_name} {last_name}".strip())
    except ValidationError as error:
        return error.messages
    return []
