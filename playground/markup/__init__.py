"""Markdown in, sanitised HTML out. It runs in rendering processes: without Django, settings or a database."""
