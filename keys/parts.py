"""How the gateway is, for people: what works, what does not, and what that means for them."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from keys.catalogue import Problem
from keys.models import GatewayState
from web.templatetags.portal import moment


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
    if state.is_unheard:
        sentence = _("Nobody has asked it since %(when)s.") % {"when": moment(state.checked_at)}
        return Part(id="gateway", title=title, tone="idle", word=_("Not known"), sentence=sentence)
    if state.is_down:
        sentence = _(
            "Keys cannot be made or changed, and programs get no answers. What is listed here is as last heard."
        )
        return Part(id="gateway", title=title, tone="bad", word=_("Does not answer"), sentence=sentence)
    sentences = {
        Problem.SILENT: _("It did not answer when it was last asked. It is asked again within a minute."),
        Problem.KEY_REFUSED: _("It refuses the portal’s own key, so keys cannot be made or changed. Yours work."),
        Problem.OTHER_GATEWAY: _(
            "It is not as the portal knows it. Keys and usage are left as they are until an administrator has looked."
        ),
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
    if state.problem in (Problem.NONE, Problem.UNHEALTHY) and not state.is_unheard:
        return Part(id="models", title=title, tone="ok", word=_("Up to date"), sentence=_("It is read every minute."))
    return Part(id="models", title=title, tone="warn", word=_("Old"), sentence=_("The models are shown as last read."))


def _asking_part(state: GatewayState) -> Part:
    """Tell whether somebody still asks the gateway: without the portal's workers, all of this page is old."""
    title = _("The portal’s own work")
    if state.checked_at is None or state.is_unheard:
        sentence = _("Nobody asks the gateway any more, so this page may be wrong. Tell an administrator.")
        return Part(id="portal", title=title, tone="bad", word=_("Stands still"), sentence=sentence)
    sentence = _("It asks the gateway every minute, and looks after keys that end.")
    return Part(id="portal", title=title, tone="ok", word=_("Works"), sentence=sentence)
