"""How passwords are kept."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id in the least costly of the shapes that OWASP's Password Storage Cheat Sheet recommends.

    Django's own takes 100 MiB and eight threads for each sign-in, which a class that signs in at once does not get.
    """

    memory_cost = 19 * 1024  # KiB
    time_cost = 2  # passes
    parallelism = 1
