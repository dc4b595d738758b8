"""The portal's messages to people: announcements, terms of use, notices."""
