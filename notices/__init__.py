"""What the portal has to say to people: announcements, terms of use, notices."""
