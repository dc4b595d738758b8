"""The portal's settings, but for one: passwords stay hashed as the bench hashed them (see bench.stream_filling)."""

from portal.settings import *  # noqa: F403  (all of them)

PASSWORD_HASHERS = ["bench.stream_filling.AsMade"]
