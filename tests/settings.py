"""The portal's settings for the tests: embedded, cheap passwords, a folder of their own."""

import os
import tempfile

os.environ.setdefault("EMBEDDED", "1")
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="passerelle-tests-")

from portal.settings import *  # noqa: E402, F403  (the environment must be set first)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
