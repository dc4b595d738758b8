"""Views of teachers and admins."""
