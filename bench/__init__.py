"""Measures the bars of the design, on servers of its own; never part of the portal."""
