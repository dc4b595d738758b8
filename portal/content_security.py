"""The Content-Security-Policy: everything from the portal itself, and nothing inline."""

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
