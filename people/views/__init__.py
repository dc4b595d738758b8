"""Views about people, one module for each page."""
