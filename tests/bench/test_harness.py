"""The benches work: a data set whose facts are distinct and summed, and a file that keeps all figures."""

import json
from pathlib import Path

import pytest
from django.db.models import F

from bench.dataset import DAYS, KEYS, PEOPLE
from bench.differences import differences
from bench.filling import make_crowd, make_facts
from bench.inside import look
from bench.results import Figure, at_least, at_most, keep, report
from keys.models import Key
from tests.usage.polling import assert_sums_are_right
from usage.models import Fact


@pytest.mark.django_db
def test_fills_a_portal_whose_pages_can_be_measured() -> None:
    make_crowd()
    make_facts(1_000)

    assert Key.objects.count() == KEYS
    assert Key.objects.values("owner").distinct().count() == PEOPLE
    assert Fact.objects.count() == 1_000
    assert Fact.objects.values("day").distinct().count() == DAYS
    assert_sums_are_right()
    pages = look()
    assert {page["status"] for page in pages.values()} == {200}
    assert all(0 < page["queries"] <= 9 for page in pages.values())  # the bar is 8: bench.pages
    assert list(differences()) == []
    Fact.objects.filter(pk=Fact.objects.latest("pk").pk).update(failed_requests=F("failed_requests") + 1)
    assert {line.split(" by ")[0] for line in differences()} == {"requests", "failed", "failed-share"}


def test_keeps_the_newest_figure_of_each_name(tmp_path: Path) -> None:
    path = tmp_path / "results.json"

    keep([at_most("a", 1, "ms", 2), at_most("b", 1, "ms", 2)], path)
    keep([at_least("a", 1, "ms", 2)], path)

    assert json.loads(path.read_text()) == [
        {"name": "a", "value": 1, "unit": "ms", "bar": "≥ 2", "ok": False},
        {"name": "b", "value": 1, "unit": "ms", "bar": "≤ 2", "ok": True},
    ]


@pytest.mark.parametrize(("ok", "held"), [(True, True), (None, True), (False, False)])
def test_reports_whether_every_bar_was_met(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ok: bool | None, held: bool
) -> None:
    figures = [Figure(name="a", value=1, unit="s", bar="", ok=ok), at_most("b", 1, "ms", 2)]

    assert report(figures, kept_in=tmp_path / "results.json") is held
    assert "| b | 1 ms | ≤ 2 | yes |" in capsys.readouterr().out
