"""The service for programs, and its page for admins."""
