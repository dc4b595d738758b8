"""The API for scripts, its access tokens, and their pages."""
