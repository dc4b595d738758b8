"""Changes of requests and grants, in order. No transaction is open during a call of the gateway."""

from approvals.services.at_once import at_once_left_usd, give_at_once
from approvals.services.mails import mail_deciders, mail_decisions
from approvals.services.requests import RequestRefused, approve, ask, refuse, withdraw
from keys.services import apply_due_grants, apply_grant

__all__ = [
    "RequestRefused",
    "apply_due_grants",
    "apply_grant",
    "approve",
    "ask",
    "at_once_left_usd",
    "give_at_once",
    "mail_deciders",
    "mail_decisions",
    "refuse",
    "withdraw",
]
