"""Courses: a class whose keys share a budget and an end (ADR 34)."""
