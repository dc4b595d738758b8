"""Backups: one archive with the database, the files of conversations and the settings without secrets (ADR 58)."""
