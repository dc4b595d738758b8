"""Routes of the Playground."""

from django.urls import path

from playground.views import (
    answers,
    budget,
    chat,
    code,
    compare,
    completion,
    conversations,
    course_presets,
    details,
    embeddings,
    exports,
    images,
    moderation,
    turns,
)

app_name = "playground"
urlpatterns = [
    path("", chat.index, name="index"),
    path("c/<uuid:conversation_id>/", chat.conversation, name="conversation"),
    path("send/", chat.send, name="send"),
    path("answers/<uuid:answer_id>/", chat.answer, name="answer"),
    path("answers/<uuid:answer_id>/stream/", answers.stream, name="stream"),
    path("answers/<uuid:answer_id>/stop/", answers.stop_answer, name="stop_answer"),
    path("answers/<uuid:answer_id>/retry/", chat.retry, name="retry"),
    path("messages/<uuid:message_id>/edit/", chat.edit, name="edit"),
    path("code/", code.code, name="code"),
    path("budget/", budget.budget_status, name="budget"),
    # Conversations
    path("conversations/", conversations.conversations, name="conversations"),
    path("c/<uuid:conversation_id>/rename/", conversations.rename, name="rename"),
    path("c/<uuid:conversation_id>/keep/", conversations.keep, name="keep"),
    path("c/<uuid:conversation_id>/delete/", conversations.delete, name="delete"),
    path("c/<uuid:conversation_id>/export.<slug:form>", exports.export, name="export"),
    path("answers/<uuid:answer_id>/show/", turns.show, name="show"),
    path("answers/<uuid:answer_id>/delete/", turns.delete_answer, name="delete_answer"),
    path("answers/<uuid:answer_id>/details/", details.details, name="details"),
    path("images/<uuid:image_id>/", images.image, name="image"),
    path("images/made/<uuid:image_id>/", images.generated_image, name="generated_image"),
    # Presets of courses
    path("presets/<int:preset_id>/", course_presets.open_preset, name="open_preset"),
    path("presets/<int:preset_id>/code/", course_presets.preset_code, name="preset_code"),
    path("presets/new/<uuid:course_id>/", course_presets.create_preset, name="create_preset"),
    path("presets/<int:preset_id>/edit/", course_presets.edit_preset, name="edit_preset"),
    path("presets/<int:preset_id>/move/", course_presets.move_preset, name="move_preset"),
    path("presets/<int:preset_id>/delete/", course_presets.delete_preset, name="delete_preset"),
    # Tools
    path("compare/", compare.compare, name="compare"),
    path("compare/code/", compare.compare_code, name="compare_code"),
    path("compare/<uuid:conversation_id>/", compare.comparison, name="comparison"),
    path("compare/<uuid:conversation_id>/stop/", compare.stop, name="stop"),
    path("answers/<uuid:answer_id>/again/", compare.again, name="again"),
    path("answers/<uuid:answer_id>/column/", compare.column, name="column"),
    path("answers/<uuid:answer_id>/column/code/", compare.column_code, name="column_code"),
    path("completion/", completion.completion, name="completion"),
    path("completion/code/", completion.completion_code, name="completion_code"),
    path("completion/<uuid:conversation_id>/", completion.completed, name="completed"),
    path("answers/<uuid:answer_id>/written/", completion.written, name="written"),
    path("embeddings/", embeddings.embeddings, name="embeddings"),
    path("embeddings/code/", embeddings.embeddings_code, name="embeddings_code"),
    path("moderation/", moderation.moderation, name="moderation"),
    path("moderation/code/", moderation.moderation_code, name="moderation_code"),
]
