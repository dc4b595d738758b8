"""The settings of the portal, with the views of serving.py."""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "tests.web.serving"
