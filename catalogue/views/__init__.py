"""Views of the pages about models."""
