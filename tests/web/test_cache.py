"""The cache in Redis on an event loop: each request has a context of its own."""

from contextvars import Context

import pytest
import redis
from django.core.cache import CacheHandler

from web.cache import RedisCache


@pytest.mark.redis
def test_all_contexts_share_one_connection(redis_url: str) -> None:
    caches = CacheHandler({"default": {"BACKEND": "web.cache.RedisCache", "LOCATION": redis_url}})
    with redis.Redis.from_url(redis_url) as client:
        before = client.info("clients")["connected_clients"]
        kept = [Context().run(_set, caches, number) for number in range(5)]
        after = client.info("clients")["connected_clients"]

    assert len(set(map(id, kept))) == 5
    assert after - before <= 1


def _set(caches: CacheHandler, number: int) -> RedisCache:
    cache = caches["default"]
    cache.set("number", number)
    assert isinstance(cache, RedisCache)
    return cache
