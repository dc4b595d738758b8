"""The health of a model in words and pictures."""

from collections.abc import Sequence
from typing import Final

from django import template
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from catalogue.models import ModelHealth
from usage.templatetags.usage_words import percent, seconds
from web.templatetags.portal import NO_BREAK_SPACE, SPARK_HEIGHT, SPARK_STEP, icon

register = template.Library()

State = ModelHealth.State
LOOKS: Final = {  # icon and colour
    State.UP: ("ok", "ok"),
    State.SLOW: ("clock", "warn"),
    State.FAILING: ("bad", "bad"),
    State.UNKNOWN: ("info", "idle"),
}
SPARK_DAYS: Final = 14


@register.simple_tag(takes_context=True)
def health_state(context: Context, health: ModelHealth | None) -> SafeString:
    """Say how a model works in the last hour, in a word and an icon; not known where nothing is measured any more."""
    is_outdated = getattr(context.get("gateway"), "is_outdated", False)
    state = State(health.state) if health and not is_outdated else State.UNKNOWN
    name, tone = LOOKS[state]
    words = "" if is_outdated else health_details(health)
    return format_html(
        '<span class="ps-state is-{}">{}{}</span><br><span class="unit">{}</span>', tone, icon(name), state.label, words
    )


def health_details(health: ModelHealth | None) -> str:
    """Say why: how fast its answers begin, how many calls failed."""
    if health is None or health.state == State.UNKNOWN:
        return _("too few calls in the last hour")
    if health.state == State.FAILING:
        words = _("%(share)s of the last hour’s calls failed")
        if not health.is_explained:
            words = _("%(share)s of the last hour’s calls failed; the gateway does not report why")
        return words % {"share": percent(health.failed / (health.ok + health.failed))}
    if health.first_token_ms is not None:
        return _("first word after %(time)s") % {"time": _seconds(health.first_token_ms)}
    if health.response_ms is not None:
        return _("answers in %(time)s") % {"time": _seconds(health.response_ms)}
    return ""


def _seconds(length_ms: int) -> str:
    return f"{seconds(length_ms / 1000)}{NO_BREAK_SPACE}s"


@register.filter
def mean_seconds(length_ms: float | None) -> str:
    """Return a length of time in ms as seconds without their unit."""
    return seconds(None if length_ms is None else length_ms / 1000)


@register.simple_tag
def uptime_bars(days: Sequence[Sequence[int]], number: int = SPARK_DAYS) -> SafeString:
    """Draw the last `number` of days: a full bar where all requests succeeded, a red top for those that failed.

    Two paths, not a rectangle for each day: a list has hundreds of models.
    """
    well, badly = [], []
    for place, (ok, failed) in enumerate(days[-number:]):
        if ok + failed:
            height = round(SPARK_HEIGHT * ok / (ok + failed))
            if failed and height == SPARK_HEIGHT:
                height -= 1  # any failure is visible
            left = place * SPARK_STEP
            well.append(f"M{left} {SPARK_HEIGHT}v-{height}h3v{height}z" if height else "")
            badly.append(f"M{left} 0v{SPARK_HEIGHT - height}h3V0z" if failed else "")
    width = number * SPARK_STEP - 1
    return format_html(
        '<svg class="ps-spark is-health" width="{0}" viewBox="0 0 {0} 26" aria-hidden="true">'
        '<path class="base" d="M0 25.5h{0}"></path><path class="well" d="{1}"></path>'
        '<path class="badly" d="{2}"></path></svg>',
        width,
        "".join(well),
        "".join(badly),
    )
