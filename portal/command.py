"""The command `passerelle`: web, worker, beat, and what `manage.py` has, by names without underscores (ADR 53)."""

import argparse
import ast
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn

from portal.components import APPS
from portal.env_file import load_env_file
from portal.folders import BASE_DIR
from portal.version import version

WRONG_USE: Final = 2  # the exit code
EPILOG: Final = """\
`passerelle COMMAND --help` says what a command takes. Settings are environment variables (docs/settings.md); NAME_FILE
names a file with the value of NAME. Secrets that are credentials of a systemd unit are known to that unit only:
`--unit` runs a command with its user, environment and credentials.
"""
HIDDEN: Final = ("run", "seed_demo", "compile_translations")  # of manage.py: has a name of its own, or is for building
COLUMN: Final = 26
HELP: Final = {"--help", "-h"}
MOST_FOR_HELP: Final = 2  # words; "-h" may be an argument of another program: dbshell -- -h


def run(arguments: Sequence[str]) -> int | str | None:
    """Run a command; return what `sys.exit` takes."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return WRONG_USE
    if options.command not in OWN and options.command.replace("-", "_") not in management_commands():
        parser.error(f"there is no command {options.command!r}; `passerelle --help` lists them")
    if options.unit:
        _run_as_unit(options.unit, [options.command, *options.arguments])
    if options.env_file:
        try:
            load_env_file(Path(options.env_file))
        except (OSError, ValueError) as problem:
            return f"Not started: the settings cannot be read: {problem}"
    if options.command in OWN:
        return OWN[options.command][0](options.arguments)
    _manage([options.command.replace("-", "_"), *options.arguments])
    return None


def _run_as_unit(unit: str, command: list[str]) -> NoReturn:
    """Run the command with the user, environment and credentials of a systemd unit, in place of this process."""
    script = str(BASE_DIR / "deploy" / "systemd" / "passerelle-manage")
    ours = os.path.join(sys.prefix, "bin", "passerelle")  # perhaps of a later release than the unit's
    program = {"PROGRAM": ours} if os.path.exists(ours) else {}
    os.execvpe("bash", ["bash", script, *command], os.environ | {"UNIT": unit} | program)


def _parser() -> argparse.ArgumentParser:
    own = {name: text for name, (_, text) in OWN.items()}
    others = {name.replace("_", "-"): text for name, text in management_commands().items()}
    lines = [f"  {name:{COLUMN}}{text}" for name, text in (own | others).items()]
    parser = argparse.ArgumentParser(
        prog="passerelle",
        usage="passerelle [--env-file FILE | --unit UNIT] COMMAND [ARGUMENT …]",
        description="The web portal in front of a LiteLLM gateway: keys, usage, playground.",
        epilog="\n".join(["commands:", *lines, "", EPILOG]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"passerelle {version()}")
    group = parser.add_mutually_exclusive_group()
    env_file = os.environ.get("PASSERELLE_ENV_FILE")
    group.add_argument(
        "--env-file", metavar="FILE", default=env_file, help="read settings from a file (PASSERELLE_ENV_FILE)"
    )
    group.add_argument(
        "--unit", metavar="UNIT", help="run as this systemd unit runs, e.g. passerelle-web.service; as root"
    )
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def management_commands() -> dict[str, str]:
    """Return the commands of our apps and the first sentence of their help; without an import, which needs settings."""
    files = [
        file for app in APPS if "." not in app for file in (BASE_DIR / app / "management" / "commands").glob("*.py")
    ]
    return {file.stem: _help_of(file) for file in sorted(files, key=lambda each: each.stem) if _is_listed(file.stem)}


def _is_listed(name: str) -> bool:
    return not name.startswith("_") and name not in HIDDEN and name not in OWN


def _help_of(file: Path) -> str:
    """Return the first sentence of `help`, of the class `Command` in this file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "help":
            text = ast.literal_eval(node.value)
            return str(text).split(". ")[0].strip().rstrip(".")
    return ""


# --- Commands -------------------------------------------------------------------------------------
def _run(arguments: list[str]) -> str | None:
    """Start the whole portal in this terminal."""
    os.environ.setdefault("EMBEDDED", "1")
    if not os.environ.get("GATEWAY_URL") and not (find_spec("starlette") and find_spec("uvicorn")):
        return (
            "Not started: the sandbox gateway is not installed. Install passerelle[sandbox], or name a gateway "
            "(GATEWAY_URL and GATEWAY_ADMIN_KEY)."
        )
    _manage(["run", *arguments])
    return None


def _web(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="passerelle web", description=OWN["web"][1])
    parser.parse_args(arguments)
    from portal.serve import main

    main()


def _celery(name: str) -> Callable[[list[str]], None]:
    def start(arguments: list[str]) -> None:
        import_module("portal.celery")  # Celery itself would look for it in the working directory first
        from portal.start import load_settings

        if not HELP & set(arguments):
            load_settings()
        sys.argv = [
            "passerelle",
            "--app",
            "portal",
            name,
            *arguments,
            *(node_name(arguments) if name == "worker" else []),
        ]
        from celery.__main__ import main

        main()

    return start


def node_name(arguments: Sequence[str]) -> list[str]:
    """Return the option that names a worker by its queues: two of one machine and name would be taken for one."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-n", "--hostname")
    parser.add_argument("-Q", "--queues")
    given, _ = parser.parse_known_args(arguments)
    return ["--hostname", f"{given.queues.replace(',', '-')}@%h"] if given.queues and not given.hostname else []


def _migrate(arguments: list[str]) -> None:
    _manage(["migrate", *arguments])


def _check(arguments: list[str]) -> None:
    embedded = os.environ.get("EMBEDDED", "").lower() in ("1", "true", "on", "yes", "y", "ok")
    _manage(["check", *([] if embedded or "--deploy" in arguments else ["--deploy"]), *arguments])


def _create_admin(arguments: list[str]) -> None:
    _manage(["createsuperuser", *arguments])


def _setup(arguments: list[str]) -> None:
    _manage(["setup", *arguments])


def _bundle(arguments: list[str]) -> None:
    _manage(["bundle", *arguments])


def _alive(arguments: list[str]) -> str | None:
    from portal.alive import main

    return main(arguments)


def _manage(arguments: list[str]) -> None:
    from portal.manage import main

    if not HELP & set(arguments[-1:]) or len(arguments) > MOST_FOR_HELP:
        main(["passerelle", *arguments])
    else:  # needs no setting, and leaves nothing
        with TemporaryDirectory(prefix="passerelle-help-") as folder:
            os.environ.update(EMBEDDED="1", VAR_DIR=folder)
            main(["passerelle", *arguments])


OWN: Final[dict[str, tuple[Callable[[list[str]], int | str | None], str]]] = {
    "run": (_run, "Start the whole portal in this terminal, to try it: http://127.0.0.1:8000"),
    "setup": (_setup, "Ask for what is needed, and write the file with the settings"),
    "web": (_web, "Start the web server"),
    "worker": (_celery("worker"), "Start a worker; takes Celery's options, without -Q all queues"),
    "alive": (_alive, "Check that the web server, worker or beat of this machine or container is alive"),
    "beat": (_celery("beat"), "Start beat, which sends the regular tasks; exactly one"),
    "migrate": (_migrate, "Create and change the tables in the database; --check says what would change"),
    "check": (_check, "Check the settings, as a server has them"),
    "bundle": (_bundle, "Pack a release with all its packages, for a machine without a network"),
    "create-admin": (_create_admin, "Create an account with all rights; asks for name and password"),
    "manage": (_manage, "Run any command of Django's manage.py"),
}
