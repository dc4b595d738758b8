"""Figures: printed as a table, and saved in bench/results.json, which has the newest figure of each name."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final

RESULTS: Final = Path(__file__).resolve().parent / "results.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measurement; `ok` is None if it has no bar."""

    name: str
    value: float
    unit: str
    bar: str = ""
    ok: bool | None = None


def at_most(name: str, value: float, unit: str, bar: float) -> Figure:
    """Return a figure with an upper bar."""
    return Figure(name=name, value=round(value, 3), unit=unit, bar=f"≤ {bar:g}", ok=value <= bar)


def at_least(name: str, value: float, unit: str, bar: float) -> Figure:
    """Return a figure with a lower bar."""
    return Figure(name=name, value=round(value, 3), unit=unit, bar=f"≥ {bar:g}", ok=value >= bar)


def exactly(name: str, value: float, unit: str, bar: float) -> Figure:
    """Return a figure with an exact expectation."""
    return Figure(name=name, value=round(value, 3), unit=unit, bar=f"= {bar:g}", ok=value == bar)


def seen(name: str, value: float, unit: str) -> Figure:
    """Return a figure without a bar."""
    return Figure(name=name, value=round(value, 3), unit=unit)


def say(line: str) -> None:
    """Print a line of the report."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def report(figures: list[Figure], *, kept_in: Path = RESULTS) -> bool:
    """Print and save the figures; return whether every bar was met."""
    load = os.getloadavg()[0]
    say(f"\n{date.today()}, {os.cpu_count()} cores, load {load:.1f} at the end")  # noqa: DTZ011  (as the reader dates it)
    say("\n| what | measured | bar | ok |\n|---|---:|---:|---|")
    for figure in figures:
        verdict = {None: "", True: "yes", False: "**no**"}[figure.ok]
        say(f"| {figure.name} | {figure.value:,.10g} {figure.unit} | {figure.bar} | {verdict} |")
    keep(figures, kept_in)
    return all(figure.ok is not False for figure in figures)


def keep(figures: list[Figure], path: Path) -> None:
    """Merge the figures with those of other benches."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    kept = {figure["name"]: figure for figure in before} | {figure.name: asdict(figure) for figure in figures}
    path.write_text(json.dumps(list(kept.values()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
