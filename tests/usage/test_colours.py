"""A model's colour: the same on every page, in every period and filter; models that cost much share none."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from tests.sandbox_process import Sandbox
from tests.usage.polling import poll, report_day
from tests.usage.polling import used as reported_use
from tests.usage.views.facts import key_of, used
from usage.models import COLOURS, UsedModel, utc_today

OTHER = 0
SWATCH = re.compile(r'ps-sw c(\d+)"></span>\s*<bdi>([^<]*)</bdi>')
BAR = re.compile(r'<bdi>([^<]*)</bdi></a>\s*<progress class="ps-bar c(\d+)"')


def colours_of(client: Client, address: str, **params: str) -> dict[str, int]:
    """Return the colour of each model on a page; the chart and the list must agree."""
    page = client.get(address, params).content.decode()
    chart = {name: int(colour) for colour, name in SWATCH.findall(page)}
    listed = {name: int(colour) for name, colour in BAR.findall(page)}
    assert {name: chart[name] for name in chart.keys() & listed.keys()} == {
        name: listed[name] for name in chart.keys() & listed.keys()
    }
    return {**listed, **chart}


def polled(sandbox: Sandbox, *names: str) -> None:
    """Let models be met for the first time."""
    report_day(sandbox, utc_today(), *(reported_use("a token", name, usd="1") for name in names))
    poll()


def test_a_model_has_one_colour_on_every_page_and_filter(as_admin: Client, admin: User, sandbox: Sandbox) -> None:
    names = ("small", "large", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
    polled(sandbox, *names)
    key = key_of(admin)
    for number, name in enumerate(names):
        used(key, str(number + 1), model=name, days_ago=1)
        used(key, str(50 - number), model=name, days_ago=20)

    mine = colours_of(as_admin, "/usage/", period="7d")
    assert len(set(mine.values())) == len(mine) == 9  # eight models, and the rest has its own, too
    assert mine["others"] == OTHER
    for address, params in (("/usage/", {"period": "90d"}), ("/usage/everyone/", {}), ("/usage/", {"model": "sixth"})):
        there = colours_of(as_admin, address, **params)
        on_both = mine.keys() & there.keys()
        assert on_both
        assert {name: mine[name] for name in on_both} == {name: there[name] for name in on_both}


def test_a_new_model_takes_a_colour_that_none_has_then_that_of_the_least_spend(sandbox: Sandbox, db: None) -> None:
    names = [f"model {number:02}" for number in range(COLOURS)]
    polled(sandbox, *names)
    assert sorted(UsedModel.objects.values_list("colour", flat=True)) == list(range(1, COLOURS + 1))
    rows = [reported_use("a token", name, usd="0.5" if name == "model 07" else "3") for name in names]
    report_day(sandbox, utc_today(), *rows)
    poll()

    report_day(sandbox, utc_today(), *rows, reported_use("a token", "newest", usd="1"))
    poll()

    assert UsedModel.objects.get(name="newest").colour == UsedModel.objects.get(name="model 07").colour


@pytest.mark.parametrize("side", [0, 1])
def test_every_colour_stands_out_from_the_page_light_and_dark(side: int) -> None:
    tokens = (Path(settings.BASE_DIR) / "static/css/tokens.css").read_text(encoding="utf-8")
    pairs = dict(re.findall(r"--ps-(c\d+|surface): light-dark\((#\w+, #\w+)\)", tokens))
    ground = luminance(pairs.pop("surface").split(", ")[side])

    assert len(pairs) == COLOURS + 1
    for name, pair in pairs.items():
        lighter, darker = sorted((ground, luminance(pair.split(", ")[side])), reverse=True)
        assert (lighter + Decimal("0.05")) / (darker + Decimal("0.05")) >= 3, name
    assert len({pair.split(", ")[side] for pair in pairs.values()}) == len(pairs)


def luminance(colour: str) -> Decimal:
    """Return the relative luminance of "#rrggbb", as WCAG counts it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return Decimal(0.2126 * red + 0.7152 * green + 0.0722 * blue)
