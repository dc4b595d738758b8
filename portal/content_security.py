"""The Content-Security-Policy: everything from the portal itself, and nothing inline; and names of cookies."""

import re
from typing import Final

from csp.constants import NONE, SELF

CSP_DIRECTIVES: Final = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],  # Tabler's select arrows and check marks are data: images
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
}


def cookie_prefix(path: str, *, https: bool) -> str:
    """Return what begins the names of cookies: browsers then refuse forged ones, and two portals of a host differ.

    `__Host-` demands the path `/`, where everything on the host reads the cookie.
    """
    if path == "/":
        return "__Host-" if https else ""
    name = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")
    return f"{'__Secure-' if https else ''}{name}-"
