"""The one call that makes a key at the gateway, and what becomes of a reserved token when it fails."""

from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from accounts.policies import Allowance
from gateway.django import get_gateway
from gateway.errors import GatewayError, GatewayRejected, GatewayUnavailable
from gateway.secret import Secret
from gateway.types import IssuedKey
from keys.identity import MESSAGES, is_other_gateway
from keys.models import GatewayIdentity, Key, Token
from keys.services.lifetimes import is_kept
from keys.services.person_budget import ceiling_of
from keys.services.refusals import KeyRefused


@sensitive_variables("issued", "secret")
def create_at_gateway(
    token: Token,
    allowance: Allowance,
    *,
    duration: str | None,
    spend_usd: Decimal | None = None,
    secret: Secret | None = None,
) -> IssuedKey:
    """Make the reserved `token` at the gateway, with the limits of its key, and with a `secret` of ours if given.

    It counts in the person's budget, which is set before; without teams it begins with so much spent that no more than
    the person's rest is left. A secret of ours must be new: the gateway's answer about one that exists means nothing.
    When the making surely did not happen the reservation is given up. When nobody knows, it is marked for the sweep,
    which deletes what it finds under our alias. Raises what the gateway client raises, and KeyRefused: "lifetime" of a
    gateway that does not keep what it is asked, "custom_keys_forbidden" of one that will not have a secret of ours.
    """
    key = token.key
    if is_other_gateway():
        give_up(token, Key.Problem.UNREACHABLE)
        raise GatewayUnavailable(MESSAGES[GatewayIdentity.Problem.OTHER], may_have_happened=False)
    try:
        ceiling = ceiling_of(key.owner, allowance)
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
            metadata=metadata_of(key),
            models=key.model_names,
            rpm_limit=key.rpm_limit,
            tpm_limit=key.tpm_limit,
        )
    except GatewayUnavailable as error:
        if error.may_have_happened:
            mark_answer_lost(token)
        else:
            give_up(token, Key.Problem.UNREACHABLE)
        raise
    except GatewayRejected as error:
        if secret is not None and error.status in (400, 403) and "custom" in error.message.lower():
            raise _no_custom(token) from error
        give_up(token, Key.Problem.REFUSED)
        raise
    _check_answer(token, issued, duration=duration, secret=secret)
    return issued


@sensitive_variables("issued", "secret")
def _check_answer(token: Token, issued: IssuedKey, *, duration: str | None, secret: Secret | None) -> None:
    """Delete a key that is not what was asked for, unseen, and raise KeyRefused."""
    if secret is not None and issued.secret != secret:
        delete_unseen(issued)
        raise _no_custom(token)
    if not is_kept(duration, issued.expires_at):
        delete_unseen(issued)
        give_up(token, Key.Problem.REFUSED)
        raise KeyRefused("lifetime")


def metadata_of(key: Key) -> dict[str, str]:
    """Return what the gateway keeps of a key for us, by which a restored portal knows it again (services.restore).

    The label is that of the day when the secret was made. Of an intern, only our number is in it.
    """
    of_intern = {"passerelle_intern": str(key.intern_id)} if key.intern_id else {}
    return {
        "made_by": "passerelle",
        "passerelle_key": str(key.pk),
        "passerelle_kind": key.kind,
        "passerelle_label": key.label,
        **of_intern,
    }


def _no_custom(token: Token) -> KeyRefused:
    """Close a reservation whose secret the gateway would not take from us."""
    give_up(token, Key.Problem.NO_CUSTOM)
    return KeyRefused("custom_keys_forbidden")


def mark_answer_lost(token: Token) -> None:
    """Let the sweep heal this token now instead of after the deadline: nobody waits for its answer."""
    Token.objects.filter(pk=token.pk, state=Token.State.ISSUING).update(answer_lost=True)


def give_up(token: Token, problem: Key.Problem) -> None:
    """Close a reservation that no key at the gateway stands behind; a key that never had another has failed."""
    with transaction.atomic():
        Token.objects.move(token, to=Token.State.LOST)
        Key.objects.filter(pk=token.key_id, state=Key.State.ISSUING).update(
            state=Key.State.FAILED, problem=problem, ended_at=timezone.now(), request_id=None
        )


def record_token(token: Token, issued: IssuedKey) -> bool:
    """Write down what the gateway made; False when the sweep was faster and has given the token up."""
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
    except IntegrityError as error:  # a token that is ours already: not an answer to our question
        raise GatewayUnavailable("The gateway answered with a key that it had made before") from error


def delete_unseen(issued: IssuedKey) -> None:
    """Delete a key that was made too late to be shown; what fails here is found by the next sync."""
    try:
        get_gateway().keys.delete([issued.token])
    except GatewayError:
        return
