"""The order of names in lists, the same on every database."""

import unicodedata


def name_order(name: str) -> str:
    """Return the sort key of `name` without case and accents: "Élodie" before "Farid"."""
    if name.isascii():  # most are, and lists have thousands
        return name.lower()
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
