"""`manage.py doctor`: does everything work, and what is to be done where it does not?"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.doctor.checks import all_checks, results
from portal.doctor.report import Level, Result

WORDS = {Level.OK: "ok", Level.WARNING: "warning", Level.PROBLEM: "PROBLEM"}
SUMMARY = {
    Level.OK: "Everything is well.",
    Level.WARNING: "Everything works; the warnings say what to change.",
    Level.PROBLEM: "Something does not work: see the lines with PROBLEM.",
}
TOTAL_S = 90.0


class Command(BaseCommand):
    """Print a line for each result, and what to do; exit with 0, 1 for warnings, 2 for problems."""

    help = (
        "Check all that the portal needs, and say what to do. Settings, database, Redis, gateway, mail, identity "
        "providers, static files, worker and beat, clock, disk, and the portal at its own address. Exit status: 0 all "
        "is well, 1 warnings, 2 problems."
    )
    requires_system_checks = ()  # they are a part of the report

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Accept an address to mail to, which checks to run, and how to print."""
        parser.add_argument("--mail", metavar="ADDRESS", default="", help="also send a mail to this address")
        parser.add_argument("--before-start", action="store_true", help="leave out what needs the running programs")
        names = ", ".join(check.name for check in all_checks())
        parser.add_argument("--only", metavar="NAME", action="append", default=[], help=f"one or more of: {names}")
        parser.add_argument("--json", action="store_true", help="print JSON, for a program")
        parser.add_argument("--quiet", action="store_true", help="print warnings and problems only")
        parser.add_argument("--timeout", type=float, default=TOTAL_S, metavar="S", help="end after so many seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the results as they come."""
        checks = [
            check
            for check in all_checks(mail_to=options["mail"], before_start=options["before_start"])
            if not options["only"] or check.name in options["only"]
        ]
        if unknown := set(options["only"]) - {check.name for check in all_checks()}:
            raise CommandError(f"There is no check {', '.join(sorted(unknown))}.", returncode=2)
        if not checks:
            raise CommandError("Nothing is checked: --before-start leaves this out.", returncode=2)
        found: list[tuple[str, Result]] = []
        for name, result in results(checks, total_s=options["timeout"]):
            found.append((name, result))
            if not options["json"] and not (options["quiet"] and result.level == Level.OK):
                self._print(name, result)
        worst = max((result.level for _, result in found), default=Level.OK)
        if options["json"]:
            self._print_json(found, worst)
        elif not options["quiet"]:
            self.stdout.write(SUMMARY[worst])
        if worst:
            raise SystemExit(int(worst))

    def _print(self, name: str, result: Result) -> None:
        style = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.PROBLEM: self.style.ERROR}
        self.stdout.write(f"{style[result.level](f'{WORDS[result.level]:8}')} {name:9} {result.text}")
        if result.advice:
            self.stdout.write(f"{'':18} → {result.advice}")
        self.stdout.flush()

    def _print_json(self, found: list[tuple[str, Result]], worst: Level) -> None:
        checks = [
            {"check": name, "state": WORDS[result.level].lower(), "text": result.text, "advice": result.advice}
            for name, result in found
        ]
        self.stdout.write(json.dumps({"state": WORDS[worst].lower(), "checks": checks}, indent=2, ensure_ascii=False))
