"""Why there is no backup or no restore."""


class BackupError(Exception):
    """One plain sentence, with what to do."""
