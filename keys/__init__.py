"""A person's keys: issue, renew, rotate, delete; the sweep that leaves no orphan."""
