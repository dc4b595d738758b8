"""Texts name a command as it is run where they are read."""

from pytest_django import Settings

from web.commands import command


def test_is_of_the_wheel_or_of_the_checkout(settings: Settings) -> None:
    settings.INSTALLED = True
    assert command("check_gateway") == "passerelle check-gateway"
    settings.INSTALLED = False
    assert command("check_gateway") == "manage.py check_gateway"
