"""Runs a management command, for `manage.py` and `passerelle`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

WITHOUT_SETTINGS: Final = {"setup": "portal.setup", "bundle": "portal.bundle"}  # commands: which module has `main`


def main(arguments: Sequence[str]) -> None:
    """Run a command with the portal's settings, or those of the portal that runs here.

    The first argument is the program's name.
    """
    if arguments[1:2] and arguments[1] in WITHOUT_SETTINGS:
        sys.exit(import_module(WITHOUT_SETTINGS[arguments[1]]).main(arguments[2:]))
    from portal.run_env import use_running_portal
    from portal.start import load_settings, naming_missing_tables

    use_running_portal()
    load_settings(status=2 if arguments[1:2] == ["doctor"] else 1)  # 1 are the doctor's warnings
    from django.core.management import execute_from_command_line

    with naming_missing_tables(command="".join(arguments[1:2])):
        execute_from_command_line(list(arguments))
