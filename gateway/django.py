"""Builds the gateway's client from Django's settings. The only module here that knows Django, but for the command."""

import os
from functools import lru_cache

from django.conf import settings
from django.utils.module_loading import import_string

from gateway.client import Gateway


def get_gateway() -> Gateway:
    """Return this process's client; a new one when the settings have changed."""
    return _gateway(
        settings.GATEWAY_URL,
        settings.GATEWAY_ADMIN_KEY,
        settings.GATEWAY_CONNECT_TIMEOUT_S,
        settings.GATEWAY_READ_TIMEOUT_S,
        settings.GATEWAY_CALL_TIMEOUT_S,
        settings.GATEWAY_CA_FILE,
        settings.GATEWAY_PROXY_URL,
    )


@lru_cache(maxsize=1)
def _gateway(
    url: str,
    admin_key: str,
    connect_timeout_s: float,
    read_timeout_s: float,
    call_timeout_s: float,
    ca_file: str,
    proxy_url: str,
) -> Gateway:
    return Gateway(
        url,
        admin_key,
        connect_timeout_s=connect_timeout_s,
        read_timeout_s=read_timeout_s,
        call_timeout_s=call_timeout_s,
        ca_bundle=ca_file or None,
        proxy_url=proxy_url or None,
        waiting=import_string(settings.GATEWAY_WAITING),
        observe=import_string(settings.GATEWAY_OBSERVER),
    )


os.register_at_fork(after_in_child=_gateway.cache_clear)  # two processes on one connection mix up answers
