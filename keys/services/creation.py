"""The call that creates a key at the gateway, and the cleanup of a reserved token when it fails."""

from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.policies import Allowance, policy_of
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayRejected, GatewayUnavailable
from gateway.own_secrets import KEY_PREFIX, new_secret
from gateway.secret import Secret
from gateway.types import IssuedKey
from keys.identity import MESSAGES, is_other_gateway
from keys.models import GatewayIdentity, Key, Token
from keys.services.lifetimes import is_kept
from keys.services.person_budget import Ceiling, ceiling_of
from keys.services.refusals import KeyRefused
from keys.services.team_writes import ensure_team


@sensitive_variables("issued", "secret")
def create_at_gateway(
    token: Token,
    allowance: Allowance | None,
    *,
    duration: str | None,
    spend_usd: Decimal | None = None,
    secret: Secret | None = None,
) -> IssuedKey:
    """Create the reserved `token` at the gateway, with the limits of its key, and with this `secret` if given.

    Else with a random one that scanners recognise, or with one of the gateway's where it takes none of ours.

    It counts in its course's or its owner's budget, which is set before; without teams it begins with so much spend
    that only the person's rest is left. A secret of ours must be new: the gateway's answer about another means nothing.
    If the creation certainly did not happen, the reservation is closed. If that is unknown, it is marked for the sweep,
    which deletes what it finds under our alias. Raises what the gateway client raises, and KeyRefused: "lifetime" of a
    gateway that does not respect lifetimes, "custom_keys_forbidden" of one that refuses our own secret.
    """
    key = token.key
    if is_other_gateway():
        give_up(token, Key.Problem.UNREACHABLE)
        raise GatewayUnavailable(MESSAGES[GatewayIdentity.Problem.OTHER], may_have_happened=False)
    try:
        ceiling = _ceiling(key, allowance)
        issued = _create(token, ceiling, duration=duration, spend_usd=spend_usd, secret=secret)
    except KeyRefused:
        give_up(token, Key.Problem.REFUSED)
        raise
    except GatewayUnavailable as error:
        if error.may_have_happened:
            mark_answer_lost(token)
        else:
            give_up(token, Key.Problem.UNREACHABLE)
        raise
    except GatewayRejected as error:
        if secret is not None and _is_about_custom_keys(error):
            raise _no_custom(token) from error
        give_up(token, Key.Problem.REFUSED)
        raise
    _check_answer(token, issued, duration=duration, secret=secret)
    return issued


@sensitive_variables("secret")
def _create(
    token: Token, ceiling: Ceiling, *, duration: str | None, spend_usd: Decimal | None, secret: Secret | None
) -> IssuedKey:
    """Call the gateway with this secret, or with a recognisable one; a refusal of that means that nothing was made."""
    try:
        chosen = secret or new_secret(KEY_PREFIX)
        return _generate(token, ceiling, duration=duration, spend_usd=spend_usd, secret=chosen)
    except GatewayRejected as error:
        if secret is not None or not _is_about_custom_keys(error):
            raise
    return _generate(token, ceiling, duration=duration, spend_usd=spend_usd, secret=None)


def _is_about_custom_keys(error: GatewayRejected) -> bool:
    """Tell whether the gateway refused because the secret was ours."""
    return error.status in (400, 403) and "custom" in error.message.lower()


@sensitive_variables("issued", "secret")
def _generate(
    token: Token, ceiling: Ceiling, *, duration: str | None, spend_usd: Decimal | None, secret: Secret | None
) -> IssuedKey:
    """Call the gateway; without a team the key begins with so much spend that only what is left can be spent."""
    key = token.key
    if ceiling.left_usd is not None and key.budget_usd is not None:
        spend_usd = max(spend_usd or Decimal(0), key.budget_usd - ceiling.left_usd)
    issued: IssuedKey = get_gateway().keys.generate(
        user_id=key.owner.gateway_user_id,
        team_id=ceiling.team_id,
        alias=token.alias or "",
        secret=secret,
        duration=duration,
        budget_usd=key.budget_usd,
        budget_duration=key.budget_period or None,
        spend_usd=spend_usd,
        metadata=metadata_of(key) | ({"passerelle_request": token.reference} if token.reference else {}),
        models=key.model_names,
        rpm_limit=key.rpm_limit,
        tpm_limit=key.tpm_limit,
    )
    return issued


def _ceiling(key: Key, allowance: Allowance | None) -> Ceiling:
    """Return the team in which a key counts: that of its course, or of its owner by their `allowance`."""
    if key.team is not None:
        return Ceiling(team_id=ensure_team(key.team).gateway_id)
    return ceiling_of(key.owner, allowance or policy_of(key.owner))


@sensitive_variables("issued", "secret")
def _check_answer(token: Token, issued: IssuedKey, *, duration: str | None, secret: Secret | None) -> None:
    """Delete a key that differs from the request, before it is shown, and raise KeyRefused."""
    if secret is not None and issued.secret != secret:
        delete_unseen(issued)
        raise _no_custom(token)
    if not is_kept(duration, issued.expires_at):
        delete_unseen(issued)
        give_up(token, Key.Problem.REFUSED)
        raise KeyRefused("lifetime")


def metadata_of(key: Key) -> dict[str, str]:
    """Return the metadata of a key at the gateway, by which a restored portal recognises it (services.restore).

    The label is that of the day when the secret was created. Of an intern, it has only our number.
    """
    of_intern = {"passerelle_intern": str(key.intern_id)} if key.intern_id else {}
    of_team = {"passerelle_team": str(key.team_id)} if key.team_id else {}
    if key.handed_out:
        of_team["passerelle_handed_out"] = "yes"
    return {
        "made_by": "passerelle",
        "passerelle_key": str(key.pk),
        "passerelle_kind": key.kind,
        "passerelle_label": key.label,
        **of_intern,
        **of_team,
    }


def _no_custom(token: Token) -> KeyRefused:
    """Close a reservation whose custom secret the gateway refused."""
    give_up(token, Key.Problem.NO_CUSTOM)
    return KeyRefused("custom_keys_forbidden")


def mark_answer_lost(token: Token) -> None:
    """Let the sweep repair this token now instead of after the deadline: nobody waits for its answer."""
    Token.objects.filter(pk=token.pk, state=Token.State.ISSUING).update(answer_lost=True)


def give_up(token: Token, problem: Key.Problem) -> None:
    """Close a reservation without a key at the gateway; a key that never had another has failed."""
    with transaction.atomic():
        Token.objects.move(token, to=Token.State.LOST)
        Key.objects.filter(pk=token.key_id, state=Key.State.ISSUING).update(
            state=Key.State.FAILED, problem=problem, ended_at=timezone.now(), request_id=None
        )


def record_token(token: Token, issued: IssuedKey) -> bool:
    """Record the gateway's new key; False if the sweep has closed the token already."""
    try:
        with transaction.atomic():
            return Token.objects.move(
                token,
                to=Token.State.LIVE,
                token=issued.token,
                last_four=issued.last_four,
                answer_lost=False,
                in_team=issued.team_id is not None,
            )
    except IntegrityError as error:  # the token is ours already: this was no answer to our call
        raise GatewayUnavailable("The gateway answered with a key that it had made before") from error


def delete_unseen(issued: IssuedKey) -> None:
    """Delete a key that was created too late to be shown; the next sync finds it if this fails."""
    try:
        get_gateway().keys.delete([issued.token])
    except GatewayError:
        return
