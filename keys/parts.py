"""How the gateway is, for people: what works, what does not, and what that means for them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext as _

from keys.catalogue import Problem
from keys.models import GatewayState

NOT_ASKED_AFTER: Final = timedelta(minutes=5)  # the gateway is asked every minute; later, nobody asks


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Something that must work; `tone` is ok, warn, bad or idle, `word` says the same."""

    id: str
    title: str
    tone: str
    word: str
    sentence: str


def parts_of(state: GatewayState) -> list[Part]:
    """Return the parts, in the order in which they depend on each other."""
    return [_gateway_part(state), _models_part(state), _asking_part(state)]


def _gateway_part(state: GatewayState) -> Part:
    title = _("The gateway")
    if state.checked_at is None:
        return Part(id="gateway", title=title, tone="idle", word=_("Not known"), sentence=_("Nobody has asked it yet."))
    if state.down_since:
        sentence = _(
            "Keys cannot be made or changed, and programs get no answers. What is listed here is as last heard."
        )
        return Part(id="gateway", title=title, tone="bad", word=_("Does not answer"), sentence=sentence)
    sentences = {
        Problem.KEY_REFUSED: _("It refuses the portal’s own key, so keys cannot be made or changed. Yours work."),
        Problem.REFUSED: _("It answers, but does not tell the portal its models."),
        Problem.UNHEALTHY: _("It answers, but says that it is not well: some calls may fail."),
    }
    if state.problem in sentences:
        sentence = sentences[Problem(state.problem)]
        return Part(id="gateway", title=title, tone="warn", word=_("Has a problem"), sentence=sentence)
    return Part(id="gateway", title=title, tone="ok", word=_("Works"), sentence=_("It answers."))


def _models_part(state: GatewayState) -> Part:
    title = _("The list of models")
    if state.models_at is None:
        return Part(id="models", title=title, tone="idle", word=_("Not known"), sentence=_("Not read yet."))
    if state.problem in (Problem.NONE, Problem.UNHEALTHY):
        return Part(id="models", title=title, tone="ok", word=_("Up to date"), sentence=_("It is read every minute."))
    return Part(id="models", title=title, tone="warn", word=_("Old"), sentence=_("The models are shown as last read."))


def _asking_part(state: GatewayState) -> Part:
    """Tell whether somebody still asks the gateway: without the portal's workers, all of this page is old."""
    title = _("The portal’s own work")
    if state.checked_at is None or timezone.now() - state.checked_at > NOT_ASKED_AFTER:
        sentence = _("Nobody asks the gateway any more, so this page may be wrong. Tell an administrator.")
        return Part(id="portal", title=title, tone="bad", word=_("Stands still"), sentence=sentence)
    sentence = _("It asks the gateway every minute, and looks after keys that end.")
    return Part(id="portal", title=title, tone="ok", word=_("Works"), sentence=sentence)
