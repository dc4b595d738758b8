"""Pages of announcements and of the terms of use."""
