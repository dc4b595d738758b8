"""Queries of usage for pages and exports, from our own tables. Knows nothing of requests; never calls the gateway."""
