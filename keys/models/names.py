"""Names of ours at the gateway."""

import uuid
from typing import Final

ALIAS_PREFIX: Final = "passerelle-"


def new_alias() -> str:
    """Return an unused alias for a key at the gateway: aliases are unique there over all users."""
    return f"{ALIAS_PREFIX}{uuid.uuid4().hex}"
