"""Addresses of routes, remembered: Django finds a route anew each time it is named, in 25 µs.

A page of a list names a hundred. An address depends on nothing but the route, its arguments, the prefix under which
the portal is mounted, and the namespace of the present page. Templates get them by `web/templatetags/cached_tags.py`.
"""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import urljoin
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.urls import URLResolver, get_resolver, get_script_prefix, reverse

REMEMBERED: Final = 8192  # of a process, those with the ids of keys and people among them
IDS_AND_NAMES: Final = (str, int, UUID)


def address_of(route: str, *arguments: Any, namespace: str | None = None) -> str:
    """Return the address of a route, as `reverse`; `namespace`: of the present page.

    No request has routes of its own (`request.urlconf`). Other objects than ids and names are not remembered: two of
    one row are equal, whatever they are called.
    """
    if not all(isinstance(each, IDS_AND_NAMES) for each in (route, *arguments)):
        return reverse(route, args=arguments, current_app=namespace)
    return _address(get_resolver(settings.ROOT_URLCONF), get_script_prefix(), route, namespace, *arguments)


@lru_cache(maxsize=REMEMBERED, typed=True)  # typed, as 1 and True are equal, but not in an address
def _address(_resolver: URLResolver, _prefix: str, route: str, namespace: str | None, *arguments: Any) -> str:
    """Return an address; `reverse` knows the resolver and the prefix by itself."""
    return reverse(route, args=arguments, current_app=namespace)


def absolute(path: str) -> str:
    """Return the address that a mail or another program calls `path` by; routes have the path of the portal in them."""
    address: str = urljoin(settings.PORTAL_URL, path)
    return address


def path_within(request: HttpRequest) -> str:
    """Return the path of a request below that of the portal: `/keys/` for `/passerelle/keys/`."""
    return f"/{request.path_info.removeprefix(settings.PORTAL_PATH)}"


def is_probe(request: HttpRequest) -> bool:
    """Return whether a machine next to the portal asks, by whatever host name it knows; such requests wait for none."""
    path = path_within(request)
    return path == "/metrics" or path.startswith("/healthz/")
