"""The state of the gateway, for people: what works, what does not, and what that means for them."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from keys.catalogue import Problem
from keys.models import GatewayState
from web.templatetags.portal import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A component that must work; `tone` is ok, warn, bad or idle, `word` says the same."""

    id: str
    title: str
    tone: str
    word: str
    sentence: str


def parts_of(state: GatewayState) -> list[Part]:
    """Return the components, in the order in which they depend on each other."""
    return [_gateway_part(state), _models_part(state), _asking_part(state)]


def _gateway_part(state: GatewayState) -> Part:
    title = _("The gateway")
    if state.checked_at is None:
        return Part(
            id="gateway", title=title, tone="idle", word=_("Not known"), sentence=_("It has not been checked yet.")
        )
    if state.is_outdated:
        sentence = _("It has not been checked since %(when)s.") % {"when": moment(state.checked_at)}
        return Part(id="gateway", title=title, tone="idle", word=_("Not known"), sentence=sentence)
    if state.is_down:
        sentence = _(
            "Keys cannot be created or changed, and programs get no answers. This page shows the last known state."
        )
        return Part(id="gateway", title=title, tone="bad", word=_("Does not answer"), sentence=sentence)
    sentences = {
        Problem.UNREACHABLE: _("It did not answer the last check. The next check is within a minute."),
        Problem.KEY_REFUSED: _(
            "It refuses the portal’s own key, so keys cannot be created or changed. Your keys work."
        ),
        Problem.OTHER_GATEWAY: _(
            "It is not in the expected state. Keys and usage stay unchanged until an administrator has checked."
        ),
        Problem.REFUSED: _("It answers, but does not list its models."),
        Problem.UNHEALTHY: _("It answers, but reports a problem: some calls may fail."),
    }
    if state.problem in sentences:
        sentence = sentences[Problem(state.problem)]
        return Part(id="gateway", title=title, tone="warn", word=_("Has a problem"), sentence=sentence)
    return Part(id="gateway", title=title, tone="ok", word=_("Works"), sentence=_("It answers."))


def _models_part(state: GatewayState) -> Part:
    title = _("The list of models")
    if state.models_at is None:
        return Part(id="models", title=title, tone="idle", word=_("Not known"), sentence=_("Not read yet."))
    if state.problem in (Problem.NONE, Problem.UNHEALTHY) and not state.is_outdated:
        return Part(id="models", title=title, tone="ok", word=_("Up to date"), sentence=_("It is read every minute."))
    return Part(
        id="models",
        title=title,
        tone="warn",
        word=_("Out of date"),
        sentence=_("This is the last list that could be read."),
    )


def _asking_part(state: GatewayState) -> Part:
    """Tell whether the gateway is still checked: without the portal's workers, this whole page is outdated."""
    title = _("Background work")
    if state.checked_at is None or state.is_outdated:
        sentence = _("The gateway is no longer checked, so this page may be out of date. Contact the administrators.")
        return Part(id="portal", title=title, tone="bad", word=_("Not running"), sentence=sentence)
    sentence = _("It checks the gateway every minute and handles keys that expire.")
    return Part(id="portal", title=title, tone="ok", word=_("Works"), sentence=sentence)
