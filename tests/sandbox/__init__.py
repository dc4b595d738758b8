"""Tests of the sandbox itself: limits, storage, faults."""
