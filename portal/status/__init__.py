"""The administrators' page about the portal itself: how each part does, and a text for reports of problems."""
