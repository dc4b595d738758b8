"""Requests about people, one module a page."""
