"""Text of files that people send: what reads PDF and Word files, in a process of its own. Knows nothing of Django."""
