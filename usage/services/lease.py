"""One poll at a time, over all workers and machines.

The lease prevents two polls at once; the numbers are right without it, since writers of facts queue for
the same row (services/write.py).
"""

from contextlib import AbstractContextManager
from typing import Final

from usage.models import UsageState
from web.lease import Lease, held

LEASE_S: Final = 240  # more than the slowest page and the slowest writing of a day; each extends it


def held_lease() -> AbstractContextManager[Lease | None]:
    """Hold the lease during this block, or yield None if another run holds it."""
    return held(Lease(UsageState.objects, seconds=LEASE_S))
