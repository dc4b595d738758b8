"""Markdown in, sanitised HTML out. Runs in rendering processes: without Django, settings or a database."""
