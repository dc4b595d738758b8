"""Password hashing."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher


class _Thread:
    """One thread hashes for the whole process: every thread that hashes would keep the memory. Forks have their own."""

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(after_in_child=self.renew)

    def renew(self) -> None:
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hashes")


_thread: Final = _Thread()


class PasswordHasher(Argon2PasswordHasher):
    """Argon2id with the least memory that OWASP's Password Storage Cheat Sheet recommends.

    Django's own takes 100 MiB and eight threads for each sign-in, too much when a class signs in at once.
    """

    memory_cost = 7 * 1024  # KiB
    time_cost = 5  # passes
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Hash a password."""
        return _thread.executor.submit(super().encode, password, salt).result()

    def verify(self, password: str, encoded: str) -> bool:
        """Verify a password."""
        return _thread.executor.submit(super().verify, password, encoded).result()
