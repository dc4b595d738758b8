"""Routes of playground."""

from django.urls import path

from playground.views import chat, purse

app_name = "playground"
urlpatterns = [
    path("", chat.index, name="index"),
    path("c/<uuid:conversation_id>/", chat.conversation, name="conversation"),
    path("send/", chat.send, name="send"),
    path("answers/<uuid:answer_id>/", chat.answer, name="answer"),
    path("answers/<uuid:answer_id>/retry/", chat.retry, name="retry"),
    path("messages/<uuid:message_id>/edit/", chat.edit, name="edit"),
    path("purse/", purse.purse, name="purse"),
    # Conversations
]
