"""Changes of requests and grants, in order. No transaction is open during a call of the gateway."""

from approvals.services.mails import mail_deciders, mail_decisions
from approvals.services.requests import RequestRefused, approve, ask, refuse, withdraw
from keys.services import apply_due_grants, apply_grant

__all__ = [
    "RequestRefused",
    "apply_due_grants",
    "apply_grant",
    "approve",
    "ask",
    "mail_deciders",
    "mail_decisions",
    "refuse",
    "withdraw",
]
