"""Conversations, answers, and what belongs to them, as rows. No secret in any form."""

from playground.models.conversations import (
    ABANDONED_AFTER,
    STALE_AFTER,
    ActiveCall,
    Answer,
    AnswerCount,
    AnswerQuerySet,
    Attachment,
    Conversation,
    ConversationQuerySet,
    GeneratedImage,
    Message,
    ParameterSet,
    ParameterSetQuerySet,
    StoredFile,
)
from playground.models.favourites import FavouriteModel
from playground.models.shares import Share, ShareQuerySet

__all__ = [
    "ABANDONED_AFTER",
    "STALE_AFTER",
    "ActiveCall",
    "Answer",
    "AnswerCount",
    "AnswerQuerySet",
    "Attachment",
    "Conversation",
    "ConversationQuerySet",
    "FavouriteModel",
    "GeneratedImage",
    "Message",
    "ParameterSet",
    "ParameterSetQuerySet",
    "Share",
    "ShareQuerySet",
    "StoredFile",
]
