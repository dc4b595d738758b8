"""Requests for more than a policy gives, and their decision (ADR 26)."""
