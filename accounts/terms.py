"""The terms of use in force must be accepted before the next key; existing keys keep working (ADR 30)."""

from django.db import transaction

from accounts.models import Terms, TermsAcceptance, User

FIELD = "accept_terms"  # of any form: the version that the person accepts
LONGEST_VERSION = 9  # digits


@transaction.atomic
def accept_terms(person: User, version: str) -> bool:
    """Record that the person accepts this version; False if it is not the one in force. Idempotent."""
    if not (version.isascii() and version.isdecimal() and len(version) <= LONGEST_VERSION):
        return False
    terms = Terms.objects.in_force_for(person)
    if terms is None or terms.version != int(version):
        return False
    TermsAcceptance.objects.get_or_create(terms=terms, person=person)
    return True
