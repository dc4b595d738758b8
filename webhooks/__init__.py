"""Webhooks: pages of admins, and what delivers messages to receivers outside of the portal (ADR 51)."""
