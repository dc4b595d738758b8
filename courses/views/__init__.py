"""Pages of teachers and students."""
