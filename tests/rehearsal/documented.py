"""The steps of docs/operating.md: what is rehearsed is what stands there.

A step is a heading with a number. Its commands are a fenced block; below `<!-- rehearsed -->` they are run.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OPERATING: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "operating.md"
UNITS: Final = OPERATING.parent.parent / "deploy" / "systemd"
_STEP: Final = re.compile(r"^### (\d+)\. (.+)$", re.MULTILINE)
_REHEARSED: Final = re.compile(r"^<!-- rehearsed -->\n```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ANSWER: Final = re.compile(r"^([A-Z_]+)=\S+ \\$", re.MULTILINE)
_ENABLED: Final = re.compile(r"^systemctl enable --now (.+)$", re.MULTILINE)
_PROGRAM: Final = re.compile(r"^ExecStart=(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step; `commands` is empty for what the rehearsal does in another way: root's packages, systemd's `units`."""

    number: int
    title: str
    commands: str
    units: tuple[str, ...]

    @property
    def answers(self) -> list[str]:
        """Return the names of the settings that the reader writes."""
        return _ANSWER.findall(self.commands)


def steps_of(section: str) -> list[Step]:
    """Return the steps of a section, in order."""
    text = OPERATING.read_text(encoding="utf-8")
    found = re.search(rf"^## {re.escape(section)}\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)
    assert found, section
    heads = list(_STEP.finditer(found[1]))
    ends = [*(head.start() for head in heads[1:]), len(found[1])]
    bodies = [found[1][head.end() : end] for head, end in zip(heads, ends, strict=True)]
    steps = [
        Step(
            number=int(head[1]),
            title=head[2],
            commands="".join(_REHEARSED.findall(body)),
            units=tuple(name for names in _ENABLED.findall(body) for name in names.split()),
        )
        for head, body in zip(heads, bodies, strict=True)
    ]
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    return steps


def program_of(unit: str) -> str:
    """Return the command that a unit of deploy/systemd starts."""
    found = _PROGRAM.search((UNITS / f"{unit}.service").read_text(encoding="utf-8"))
    assert found, unit
    return found[1]
