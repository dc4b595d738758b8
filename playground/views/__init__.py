"""Pages of the Playground."""
