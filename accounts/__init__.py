"""People: user model, sign-in, policies, audit trail."""
