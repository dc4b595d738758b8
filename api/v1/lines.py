"""Single lines of text in requests, as the lists on the pages clean them."""


def one_line(text: str) -> str:
    """Return a text with its white space folded; a NUL, which databases refuse, becomes one that checks refuse."""
    return " ".join(text.replace("\0", "\ufffd").split())
