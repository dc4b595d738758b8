"""The command `passerelle`. In a wheel the application is below this folder, in `app/` (ADR 53)."""
