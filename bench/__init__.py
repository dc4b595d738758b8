"""Measures what the design promises, on servers of its own; never part of the portal."""
