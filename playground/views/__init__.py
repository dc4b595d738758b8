"""Pages of playground."""
