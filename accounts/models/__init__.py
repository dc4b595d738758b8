"""People, policies, and the audit trail. Knows nothing of how keys are issued."""

from accounts.models.access_tokens import AccessToken, AccessTokenQuerySet
from accounts.models.announcements import Announcement, AnnouncementDismissal
from accounts.models.counts import HourlyCount
from accounts.models.group_spend import GroupSpend, GroupSpendQuerySet
from accounts.models.invitations import Invitation
from accounts.models.leaving import (
    LeavingAccount,
    LeavingCheck,
    LeavingMail,
    LeavingQuerySet,
    LeavingReason,
)
from accounts.models.mails import DailyItem, MailChoices
from accounts.models.people import COST_CENTRE_LENGTH, GroupCostCentre, User, UserManager, new_gateway_user_id
from accounts.models.policy import (
    MAX_LIFETIME_DAYS,
    BudgetPeriod,
    KeyKind,
    KeyRule,
    Policy,
    new_rules,
    validate_model_names,
)
from accounts.models.requests import AccessRequest, Grant, GrantQuerySet, RequestDigest, Thing
from accounts.models.saml import SamlInstitution, SamlInstitutionQuerySet, SamlMetadata
from accounts.models.scim import ScimClient, ScimGroup, ScimScope, ScimUser
from accounts.models.setup import SetupState
from accounts.models.sign_ins import SignIn, SignInOutcome, SignInQuerySet
from accounts.models.terms import Terms, TermsAcceptance, owes_terms
from accounts.models.trail import (
    DONE_WORDS,
    MAX_LABEL_LENGTH,
    AuditAction,
    AuditEntry,
    AuditEntryQuerySet,
    AuditObject,
    AuditOutcome,
    AuditRepeat,
)
from accounts.models.webhooks import Webhook, WebhookDelivery, WebhookDeliveryQuerySet, WebhookEvent, WebhookQuerySet

__all__ = [
    "COST_CENTRE_LENGTH",
    "DONE_WORDS",
    "MAX_LABEL_LENGTH",
    "MAX_LIFETIME_DAYS",
    "AccessRequest",
    "AccessToken",
    "AccessTokenQuerySet",
    "Announcement",
    "AnnouncementDismissal",
    "AuditAction",
    "AuditEntry",
    "AuditEntryQuerySet",
    "AuditObject",
    "AuditOutcome",
    "AuditRepeat",
    "BudgetPeriod",
    "DailyItem",
    "Grant",
    "GrantQuerySet",
    "GroupCostCentre",
    "GroupSpend",
    "GroupSpendQuerySet",
    "HourlyCount",
    "Invitation",
    "KeyKind",
    "KeyRule",
    "LeavingAccount",
    "LeavingCheck",
    "LeavingMail",
    "LeavingQuerySet",
    "LeavingReason",
    "MailChoices",
    "Policy",
    "RequestDigest",
    "SamlInstitution",
    "SamlInstitutionQuerySet",
    "SamlMetadata",
    "ScimClient",
    "ScimGroup",
    "ScimScope",
    "ScimUser",
    "SetupState",
    "SignIn",
    "SignInOutcome",
    "SignInQuerySet",
    "Terms",
    "TermsAcceptance",
    "Thing",
    "User",
    "UserManager",
    "new_gateway_user_id",
    "new_rules",
    "owes_terms",
    "validate_model_names",
    "Webhook",
    "WebhookDelivery",
    "WebhookDeliveryQuerySet",
    "WebhookEvent",
    "WebhookQuerySet",
]
