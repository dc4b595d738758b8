"""What the claims of a sign-in mean for the account: the same rules for every identity provider (ADR 47).

A claim that is not sent counts as it was sent last, and changes nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from accounts.identity_providers import IdentityProvider

LASTING: Final = ("groups", "member_of", "affiliation", "entitlement", "supervisor")
GIVING: Final = ("member_of", "affiliation", "entitlement")  # what `group_names` translates


def complete_claims(
    provider: IdentityProvider, claims: Mapping[str, Any], before: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Return the claims with what was sent before and is not now, and whether groups are to be taken over.

    With `group_names` "groups" are groups of the portal, and "member_of" those of the provider.
    """
    now = dict(claims)
    if not provider.group_names:
        return {**_lasting(before), **now}, "groups" in now
    if "groups" in now:
        now["member_of"] = now.pop("groups")
    merged = {**_lasting(before), **now}
    values = [*merged.get("member_of", ()), *_with_scopes(merged), *merged.get("entitlement", ())]
    here = (provider.group_names[value] for value in values if value in provider.group_names)
    merged["groups"] = list(dict.fromkeys(here))
    return merged, any(name in now for name in GIVING)


def _lasting(before: Mapping[str, Any]) -> dict[str, Any]:
    return {name: before[name] for name in LASTING if name in before}


def _with_scopes(claims: Mapping[str, Any]) -> list[str]:
    """Return the affiliations; "staff@example.edu" is also "staff"."""
    return [name for value in claims.get("affiliation", ()) for name in (value, value.partition("@")[0])]


def why_refused(provider: IdentityProvider, claims: Mapping[str, Any]) -> str:
    """Return the rule that keeps this person out, "group", "affiliation" or "domain"; "" if they can enter.

    A rule that nothing fits keeps people out, also when its claim is not sent.
    """
    enter = provider.enter
    groups = {*claims.get("groups", ()), *claims.get("member_of", ())}
    if enter.groups and groups.isdisjoint(enter.groups):
        return "group"
    if enter.affiliations and set(enter.affiliations).isdisjoint(_with_scopes(claims)):
        return "affiliation"
    domain = claims.get("email", "").rpartition("@")[2].lower() if claims.get("email_verified") else ""
    if enter.domains and domain not in {each.lower() for each in enter.domains}:
        return "domain"
    return ""
