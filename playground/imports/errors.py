"""Why a file cannot be imported."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

WORDS: Final[dict[str, str | Promise]] = {
    "not_ours": _("This is no conversation that was exported here. Choose a file from “Export as JSON” or “Markdown”."),
    "broken": _("This file is damaged, or was changed: a message or an answer in it cannot be read."),
    "kind": _("Only chats can be imported, no comparisons or completions."),
    "many": _("This file has too many messages, answers, settings or files for one conversation."),
    "long": _("A message, an answer or a file in this conversation is too long."),
    "empty": _("There is no answer in this conversation."),
}


class NotImportable(Exception):
    """The file is refused as a whole; `code` is one of WORDS."""

    def __init__(self, code: str) -> None:
        super().__init__(str(WORDS[code]))
        self.code = code
