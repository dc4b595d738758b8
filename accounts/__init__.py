"""People: their accounts, sign-in, policies, and the audit trail."""
