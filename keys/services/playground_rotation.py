"""A new PLAYGROUND_KEY_SECRET: the keys that a former one has made get secrets of the new one, in the background."""

from dataclasses import dataclass
from functools import partial

from accounts.audit import Actor
from gateway.errors import GatewayUnavailable
from keys.identity import identify_gateway
from keys.models import Key, Token
from keys.services.derive import former_secrets, is_outdated
from keys.services.refusals import KeyRefused
from keys.services.rotate import derive_again
from keys.services.rounds import each


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The result of a run."""

    done: int
    left: int  # blocked, expired or changed just now; their next use replaces them, or the next run
    failure: GatewayUnavailable | None


def replace_former_secrets(actor: Actor) -> Replaced:
    """Replace the secrets of Playground keys that PLAYGROUND_KEY_SECRET_FALLBACKS have made. Idempotent.

    Without fallbacks it reads nothing. Raises GatewayChanged at a gateway that the portal does not know, and
    GatewayUnavailable where no gateway answers.
    """
    keys = outdated_keys()
    if not keys:
        return Replaced(done=0, left=0, failure=None)
    identify_gateway()
    done, failure = each(partial(_replace, actor), keys)
    return Replaced(done=done, left=len(keys) - done, failure=failure)


def outdated_keys() -> list[Key]:
    """Return the keys whose secret a former PLAYGROUND_KEY_SECRET makes, those first that failed longest ago."""
    if not former_secrets():
        return []
    tokens = Token.objects.select_related("key__owner", "key__team").filter(
        key__kind=Key.Kind.PLAYGROUND, key__state=Key.State.ACTIVE, state=Token.State.LIVE
    )
    rows = tokens.order_by("key__tried_at", "pk").iterator(chunk_size=2000)
    return [token.key for token in rows if is_outdated(token)]


def _replace(actor: Actor, key: Key) -> bool:
    """Replace one; False where it cannot be now."""
    try:
        derive_again(key=key, actor=actor)
    except KeyRefused:
        return False
    return True
