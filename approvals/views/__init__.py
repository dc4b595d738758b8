"""Pages of requests: a person's own, and those that they decide."""
