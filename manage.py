#!/usr/bin/env python
"""Run a management command of the portal."""

import sys


def main() -> None:
    """Run the command of the command line with the portal's settings, or those of the portal that runs here."""
    from portal.run_env import use_running_portal
    from portal.start import load_settings, naming_missing_tables

    use_running_portal()
    load_settings()
    from django.core.management import execute_from_command_line

    with naming_missing_tables(command="".join(sys.argv[1:2])):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
