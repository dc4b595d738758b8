"""A simulated LiteLLM gateway: a process of its own that answers, refuses, counts and fails like the real one.

Imports nothing of the portal, and nothing of the portal imports it.
"""
