"""What SCIM writes: clients with their secrets, people, and memberships."""
