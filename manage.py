#!/usr/bin/env python
"""Run a management command of the portal."""

import sys


def main() -> None:
    """Run the command of the command line with the portal's settings."""
    from django.core.management import execute_from_command_line

    from portal.start import load_settings

    load_settings()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
