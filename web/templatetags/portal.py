"""Numbers with their units, days in words, icons: so that every page writes them the same way.

Each filter is a plain function too. None becomes "", so that a template needs no `if` around a missing value.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, RadioSelect, Select, Textarea
from django.template.base import FilterExpression, Parser, Token
from django.template.defaultfilters import urlize
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, get_language_info, gettext, ngettext, pgettext

from web import amounts
from web.amounts import grouped
from web.currency import present_rate, shown_amount, shown_currency
from web.redirects import with_next

register = template.Library()

NO_BREAK_SPACE = amounts.NO_BREAK_SPACE
SPARK_HEIGHT = 26
SPARK_STEP = 4
SCHEME_ASSUMED = re.compile(r'(<a href=")http://(?=[^"]*"[^>]*>(?!http://))', re.IGNORECASE)
MODE_WORDS = {  # LiteLLM's modes of a model, as people say it
    "chat": lambda: gettext("Chat"),
    "completion": lambda: gettext("Completion"),
    "embedding": lambda: gettext("Embeddings"),
    "image_generation": lambda: gettext("Pictures"),
    "audio_transcription": lambda: gettext("Speech to text"),
    "audio_speech": lambda: gettext("Text to speech"),
    "moderation": lambda: gettext("Moderation"),
    "rerank": lambda: gettext("Ranking"),
    "responses": lambda: gettext("Chat"),
}
FEATURE_WORDS = {  # keys/catalogue.py's features of a model
    "vision": lambda: gettext("images"),
    "pdf": lambda: gettext("PDF files"),
    "tools": lambda: gettext("tools"),
    "reasoning": lambda: gettext("reasoning"),
}

usd_number = register.filter("usd_number", amounts.usd_number)
usd = register.filter("usd", amounts.usd)
usd_cell = register.filter("usd_cell", amounts.usd_cell)
usd_limit = register.filter("usd_limit", amounts.usd_limit)
amount_number = register.filter("amount_number", amounts.amount_number)
exact_number = register.filter("exact_number", amounts.exact_number)
only_usd_number = register.filter("only_usd_number", amounts.only_usd_number)
currency = register.simple_tag(shown_currency, name="currency")


@register.filter
def linked(text: str) -> SafeString:
    """Return plain text, escaped, with its web addresses as links; https where they name no scheme.

    Django's urlize assumes http before version 6; `URLIZE_ASSUME_HTTPS` replaces this there.
    """
    return SafeString(SCHEME_ASSUMED.sub(r"\1https://", urlize(text)))


@register.filter
def spent_of(budget: Any) -> str:
    """Say how much of a budget is spent: "1.20 of 5.00 USD". In long lists a `blocktranslate` takes longer."""
    words = {"spent": usd_number(budget.spent_usd), "budget": usd(budget.budget_usd)}
    return gettext("%(spent)s of %(budget)s") % words


@register.filter
def budget_label(name: str) -> str:
    """Name the bar of the budget of a key or a person."""
    return gettext("Budget of %(name)s, used") % {"name": name}


@register.filter
def choose_of(label: str, name: str) -> str:
    """Name the box that chooses somebody's key."""
    return gettext("Choose “%(label)s” of %(name)s") % {"label": label, "name": name}


@register.filter
def tokens(count: int | None) -> str:
    """Return a whole number with its thousands apart, "110,000", in French "110 000"."""
    return grouped(str(count)) if count is not None else ""


@register.filter
def plain(number: Decimal | float) -> str:
    """Return a number as machines read it, in any language: "1234.5"."""
    return f"{number:f}"


@register.filter
def plain_shown(amount_usd: Decimal) -> str:
    """Return an amount in the shown currency, as machines read it."""
    return plain(shown_amount(amount_usd))


@register.simple_tag
def rate_note() -> str:
    """Say at which rate the page shows amounts; "" where it shows USD."""
    rate = present_rate()
    if rate is None:
        return ""
    words = {"currency": rate.currency, "rate": exact_number(rate.per_usd)}
    if rate.day is None:
        return gettext("Limits hold in USD. Amounts are shown at a fixed rate: 1 USD = %(rate)s %(currency)s.") % words
    sentence = gettext("Limits hold in USD. Amounts are shown at the rate of %(day)s: 1 USD = %(rate)s %(currency)s.")
    return sentence % {**words, "day": day(rate.day)}


@register.filter
def day(when: date | None) -> str:
    """Return a day as "25 Nov 2026", in French "25 nov. 2026"; a moment's in the reader's time zone."""
    if when is None:
        return ""
    return _day(timezone.localtime(when).date() if isinstance(when, datetime) else when, get_language())


@lru_cache(maxsize=4096)  # a list has dozens, most of the same days
def _day(when: date, language: str | None) -> str:
    """Return a day in a language, which must be the present one."""
    # Translators: a format of the `date` filter; of the first day of a month French says "1er"
    shape = pgettext("first day", "j M Y") if when.day == 1 else pgettext("day", "j M Y")
    return formats.date_format(when, shape).replace(" ", NO_BREAK_SPACE)


@register.filter
def moment(when: datetime | None) -> str:
    """Return a moment as "25 Nov 2026, 10:42", in the reader's time zone."""
    return f"{day(when)}, {formats.date_format(timezone.localtime(when), 'H:i')}" if when else ""


def moment_and_zone(when: datetime) -> str:
    """Return a moment with its time zone, for texts that leave the portal: "25 Nov 2026, 10:42 Europe/Paris"."""
    return f"{moment(when)} {timezone.get_current_timezone_name()}"


@register.simple_tag
def utc_days() -> str:
    """Say when a day of usage begins: "Days are counted in UTC (01:00 in Paris)."."""
    local = timezone.localtime(timezone.now().astimezone(UTC).replace(hour=0, minute=0))
    if not local.utcoffset():
        return gettext("Days are counted in UTC.")
    return gettext("Days are counted in UTC (%(time)s in %(city)s).") % {"time": clock(local), "city": _city()}


@register.filter
def short_day(day: date) -> str:
    """Return a UTC day as "22 Oct"."""
    return _short_day(day, get_language())


@lru_cache(maxsize=4096)
def _short_day(day: date, _language: str | None) -> str:
    """Return a day in a language, which must be the present one."""
    # Translators: a format of the `date` filter; of the first day of a month French says "1er"
    shape = pgettext("first day", "j M") if day.day == 1 else pgettext("day", "j M")
    return formats.date_format(day, shape).replace(" ", NO_BREAK_SPACE)


@register.filter
def time_of_day(when: datetime) -> str:
    """Return a moment of today as "10:42", of another day with its date."""
    local = timezone.localtime(when)
    return formats.date_format(local, "H:i") if local.date() == timezone.localdate() else moment(when)


@register.filter
def days_left(when: date | None) -> str:
    """Return how far away a day is: "in 12 days", "tomorrow", "2 days ago"."""
    if when is None:
        return ""
    local = timezone.localtime(when).date() if isinstance(when, datetime) else when
    days = (local - timezone.localdate()).days
    if days == 0:
        return gettext("today")
    if days in (1, -1):
        return gettext("tomorrow") if days == 1 else gettext("yesterday")
    if days > 0:
        return ngettext("in %(days)d day", "in %(days)d days", days) % {"days": days}
    return ngettext("%(days)d day ago", "%(days)d days ago", -days) % {"days": -days}


@register.filter
def ago(when: datetime | None) -> str:
    """Return how long ago a moment was: "just now", "3 minutes ago", "2 hours ago", then days."""
    if when is None:
        return gettext("never")
    minutes = int((timezone.now() - when) / timedelta(minutes=1))
    if minutes < 1:
        return gettext("just now")
    if minutes < 60:
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes) % {"count": minutes}
    hours = minutes // 60
    if hours < 24:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    return days_left(when)


@register.filter
def last_use(day: date | None) -> str:
    """Return how long ago something was used, in UTC days: the gateway reports no finer time."""
    if day is None:
        return gettext("never")
    days = (timezone.now().date() - day).days
    if days < 2:
        return gettext("yesterday") if days == 1 else gettext("today")
    return ngettext("%(days)d day ago", "%(days)d days ago", days) % {"days": days}


@register.filter
def time_left(until: datetime | None) -> str:
    """Return the time until a moment as "21 h 14 min"; static/js/countdown.js continues it, by the same rule."""
    if until is None:
        return ""
    minutes = max(0, -((timezone.now() - until) // timedelta(minutes=1)))
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest or not hours)
    return " ".join(parts).replace(" ", NO_BREAK_SPACE)


@register.filter
def iso(when: datetime | None) -> str:
    """Return a moment for machines: ISO 8601, UTC."""
    return when.astimezone(UTC).isoformat(timespec="seconds") if when else ""


@register.filter
def a_period(period: str) -> str:
    """Return the period of a budget as LiteLLM names it ("30d") in words ("a month")."""
    words = {"1d": gettext("a day"), "7d": gettext("a week"), "30d": gettext("a month")}
    return words.get(period, gettext("per %(period)s") % {"period": period} if period else "")


@register.filter
def resets(period: str) -> str:
    """Say when a budget of this period resets: at a midnight in UTC, in the reader's time zone."""
    if period not in ("1d", "7d", "30d"):
        return ""
    midnight = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "7d":
        next_reset = midnight + timedelta(days=7 - midnight.weekday())
    else:
        next_reset = midnight + timedelta(days=1) if period == "1d" else _next_month(midnight)
    local = timezone.localtime(next_reset)
    if not local.utcoffset():
        in_utc = {
            "1d": gettext("resets at midnight (UTC)"),
            "7d": gettext("resets every Monday (UTC)"),
            "30d": gettext("resets on the 1st (UTC)"),
        }
        return in_utc[period]
    words = {"time": clock(local), "city": _city(), "weekday": formats.date_format(local, "l")}
    if period == "30d" and local.day != 1:  # west of Greenwich
        return gettext("resets on the last day of the month at %(time)s (%(city)s)") % words
    elsewhere = {
        "1d": gettext("resets every day at %(time)s (%(city)s)"),
        "7d": gettext("resets every %(weekday)s at %(time)s (%(city)s)"),
        "30d": gettext("resets on the 1st at %(time)s (%(city)s)"),
    }
    return elsewhere[period] % words


def _next_month(day: datetime) -> datetime:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@register.filter
def clock(local: datetime) -> str:
    """Return the time of day as a sentence has it, in the moment's own zone: "19:00", in French "19 h 00"."""
    # Translators: a format of the `date` filter
    return formats.date_format(local, pgettext("time", "H:i")).replace(" ", NO_BREAK_SPACE)


def _city() -> str:
    """Return the place that the reader's time zone is named after: "New York"."""
    return timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")


@register.filter
def initials(name: str) -> str:
    """Return one or two letters for a person."""
    words = name.replace(".", " ").replace("_", " ").replace("-", " ").split()
    return "".join(word[0] for word in (words[0], words[-1])).upper() if len(words) > 1 else name[:1].upper()


@register.filter
def mode_words(mode: str) -> str:
    """Return the purpose of a model in words; an unknown mode stays as it is."""
    return MODE_WORDS[mode]() if mode in MODE_WORDS else mode


@register.filter
def feature_words(feature: str) -> str:
    """Return a feature of a model in words; an unknown one stays as it is."""
    return FEATURE_WORDS[feature]() if feature in FEATURE_WORDS else feature


@register.filter
def first_sentence(text: str) -> str:
    """Return the first sentence of what there is to say, to stand out."""
    head, stop, _ = str(text).partition(". ")
    return head + stop.strip()


@register.filter
def other_sentences(text: str) -> str:
    """Return what follows the first sentence."""
    return str(text).partition(". ")[2]


@lru_cache(maxsize=128)  # a page has dozens, and the file does not move while the process runs
def icon(name: str) -> SafeString:
    """Draw an icon of static/img/icons.svg, hidden from screen readers: the text next to it says the same."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("img/icons.svg"), name
    )


class IconNode(template.Node):
    """The tag `icon`: a `simple_tag` takes three times as long, and a page has dozens."""

    def __init__(self, name: FilterExpression) -> None:
        self.name = name

    def render(self, context: template.Context) -> SafeString:
        """Return the drawing."""
        return icon(self.name.resolve(context))


@register.tag("icon")
def icon_tag(parser: Parser, token: Token) -> IconNode:
    """Parse `{% icon name %}`."""
    _tag, name = token.split_contents()
    return IconNode(parser.compile_filter(name))


@register.filter
def bars(days_usd: Sequence[Decimal]) -> SafeString:
    """Draw thirty days as bars for _spark.html; the text next to it gives the sum."""
    most = max(days_usd, default=Decimal(0))
    drawn = [
        f'<rect x="{place * SPARK_STEP}" y="{SPARK_HEIGHT - height}" width="3" height="{height}"></rect>'
        for place, usd_ in enumerate(days_usd)
        if (height := _height(usd_, most))
    ]
    return SafeString("".join(drawn))  # whole numbers only: to escape each took a tenth of My keys


def _height(amount: Decimal, most: Decimal) -> int:
    """Return the height of a bar in whole pixels; any spend is visible."""
    return max(1, round(amount / most * SPARK_HEIGHT)) if amount > 0 else 0


@register.simple_tag
def control(field: BoundField, **attrs: str) -> SafeString:
    """Render a field's widget in Tabler's style; Django adds the links to its hint and its errors."""
    widget = field.field.widget
    if isinstance(widget, (CheckboxInput, RadioSelect)):
        css = "form-check-input"
    else:
        css = "form-select" if isinstance(widget, Select) else "form-control"
    if field.errors:
        css += " is-invalid"
    own = {name: value for name, value in attrs.items() if value}
    if isinstance(widget, Textarea):
        own["dir"] = "auto"  # each line follows the direction of its script
    return field.as_widget(attrs={"class": css, **own})


@register.filter
def attributes(attrs: Mapping[str, Any]) -> SafeString:
    """Write the attributes of a widget, as Django's template does in ten times as long: the Playground has hundreds."""
    given = ((conditional_escape(name), value) for name, value in attrs.items() if value is not False)
    return SafeString(
        "".join(f" {name}" if value is True else f' {name}="{conditional_escape(value)}"' for name, value in given)
    )


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """Return (code, its own name) of each language of the portal: people look for theirs by its own name."""
    return [(code, get_language_info(code)["name_local"].capitalize()) for code, _ in settings.LANGUAGES]


@register.simple_tag(name="with_next")
def with_next_tag(address: str, target: str | None) -> str:
    """Return `address` with `target` as the next page."""
    return with_next(address, target or "")
