"""The sandbox itself: what it enforces, remembers and spoils."""
