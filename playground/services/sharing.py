"""Links to conversations: made and ended by their owner, read by everybody who is signed in (ADR 44).

A token is derived from the portal's secret and the link's id. The row has its SHA-256 only, so a copy of the database
opens nothing, and the owner can still be shown the link again.
"""

import base64
import hashlib
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from playground.models import Attachment, Conversation, GeneratedImage, Share
from playground.services.limits import lock_owner
from playground.services.tree import Shown, Tree, Turn, TurnsPage, content_of_turns, page_of_turns
from web.derived import digest_of, digests_of

SALT: Final = "playground.share"
TOKEN_BYTES: Final = 18
MAX_SHARES: Final = 50  # of one person


class ShareRefused(Exception):
    """The conversation cannot be shared; the text says why."""


def share(conversation: Conversation, *, follows: bool, lasts_days: int | None) -> Share:
    """Make a link to the shown branch as it is now, or (`follows`) as it is whenever the link is opened.

    Raises ShareRefused, or Conversation.DoesNotExist if it was deleted meanwhile.
    """
    now = timezone.now()
    with transaction.atomic():
        lock_owner(conversation.owner)
        if Share.objects.owned_by(conversation.owner).live(now).count() >= MAX_SHARES:
            raise ShareRefused(_("You have %(number)d links. End one first.") % {"number": MAX_SHARES})
        locked = Conversation.objects.select_for_update().get(pk=conversation.pk)  # no answer is deleted until the end
        last = Tree.bare(locked).way_shown(locked)[-1:]
        if not last or last[0][1].is_under_way:
            raise ShareRefused(_("An answer is being written. Share the conversation when it is finished."))
        made = Share(
            conversation=locked,
            until=None if follows else last[0][1],
            created_at=now,
            ends_at=now + timedelta(days=lasts_days) if lasts_days else None,
        )
        made.token_hash = _hash_of(_token_from(digest_of(SALT, made.pk.hex)))
        made.save(force_insert=True)
    return made


def token_of(made: Share) -> str:
    """Return the token of a link; "" if the portal's secret has changed since it was made."""
    tokens = map(_token_from, digests_of(SALT, made.pk.hex))
    return next((token for token in tokens if made.token_hash == _hash_of(token)), "")


def find_share(token: str) -> Share | None:
    """Return the live link with this token, whose owner has an active account."""
    live = Share.objects.live(timezone.now()).filter(conversation__owner__is_active=True)
    return live.select_related("conversation__owner").filter(token_hash=_hash_of(token)).first()


def shares_of(user: User) -> list[Share]:
    """Return the live links of a person, newest first, with their conversations."""
    return list(Share.objects.owned_by(user).live(timezone.now()).select_related("conversation"))


def shared_page(made: Share, *, start: UUID | None = None) -> TurnsPage:
    """Return the last of the shared turns, or those from the message `start` on."""
    tree = Tree.bare(made.conversation)
    return page_of_turns(tree, _shared_way(tree, made), start=start)


def shared_attachment(made: Share, attachment_id: UUID) -> Attachment | None:
    """Return an image or a file of one of the shared messages."""
    messages = [message.pk for message, _answer in _way_of(made)]
    return Attachment.objects.filter(pk=attachment_id, message__in=messages).first()


def shared_picture(made: Share, picture_id: UUID) -> GeneratedImage | None:
    """Return an image that a model generated in one of the shared answers."""
    answers = [answer.pk for _message, answer in _way_of(made)]
    return GeneratedImage.objects.filter(pk=picture_id, answer__in=answers).first()


def shared_turns(made: Share) -> list[Shown]:
    """Return all shared turns with their content."""
    tree = Tree.bare(made.conversation)
    return content_of_turns(tree, _shared_way(tree, made))


def prune_shares() -> int:
    """Delete links that have expired; return how many."""
    deleted, _by_model = Share.objects.filter(ends_at__lte=timezone.now()).delete()
    return deleted


def _way_of(made: Share) -> list[Turn]:
    return _shared_way(Tree.bare(made.conversation), made)


def _shared_way(tree: Tree, made: Share) -> list[Turn]:
    """Return the shared turns; not one that is being written."""
    way = tree.way_to(made.until_id) if made.until_id else tree.way_shown(made.conversation)
    return [(message, answer) for message, answer in way if not answer.is_under_way]


def _token_from(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:TOKEN_BYTES]).decode()


def _hash_of(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
