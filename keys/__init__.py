"""A person's keys: issue, renew, replace the secret, delete; the sweep that repairs interrupted operations."""
