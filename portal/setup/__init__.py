"""`manage.py setup`: asks for what is needed, checks it, and writes the settings. It needs none itself."""

from portal.setup.command import main

__all__ = ["main"]
