"""Reads settings from the environment. Knows no setting."""

import os
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

import environ
from django.core.exceptions import ImproperlyConfigured


class StrippedFiles(environ.FileAwareMapping):
    """The environment, where `NAME_FILE` names a file with the value: editors and `echo` end files with a newline."""

    def __getitem__(self, name: str) -> str:
        """Return the value, without white space at its ends if it comes from a file."""
        value: str = super().__getitem__(name)
        return value.strip() if self.env.get(f"{name}_FILE") else value


class Environment(environ.Env):
    """django-environ over `StrippedFiles`, which records the names that were read."""

    ENVIRON = StrippedFiles()
    names: ClassVar[set[str]] = set()

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """Return a setting."""
        self.names.add(var)
        return super().get_value(var, *args, **kwargs)

    def choice(self, name: str, choices: tuple[str, ...], *, default: str) -> str:
        """Return one of the choices, in any case; ImproperlyConfigured names them."""
        value: str = self.str(name, default=default).strip().upper()
        if value not in choices:
            raise ImproperlyConfigured(f"{name} is one of {', '.join(choices)}.")
        return value

    def decimal(self, name: str, *, default: str = "") -> Decimal | None:
        """Return a number, None for an empty value; ImproperlyConfigured names what is none."""
        text = self.str(name, default=default).strip()
        try:
            return Decimal(text) if text else None
        except InvalidOperation as error:
            raise ImproperlyConfigured(f"{name} is a number with a decimal point, such as 0.92.") from error

    def given(self) -> dict[str, str]:
        """Return the settings set in the environment, those in files by the names of their files."""
        files = {name for name in self.names if os.environ.get(f"{name}_FILE")}
        names = {f"{name}_FILE" for name in files} | (self.names - files)
        return {name: os.environ[name] for name in sorted(names) if name in os.environ}
