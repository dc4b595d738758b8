"""Conversations from files that were exported here: read, checked, and turned into rows. Nothing in them is trusted."""
