"""The pages of access tokens and of the documentation."""
