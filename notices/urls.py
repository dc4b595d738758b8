"""Routes of notices, announcements and the terms of use."""

from django.urls import path

from notices.views import announcements, bell, terms

app_name = "notices"
urlpatterns = [
    path("notices/", bell.index, name="index"),
    path("notices/dismiss/", bell.dismiss, name="dismiss"),
    path("notices/restore/", bell.restore, name="restore"),
    path("announcements/", announcements.index, name="announcements"),
    path("announcements/new/", announcements.new, name="new_announcement"),
    path("announcements/<int:announcement_id>/", announcements.edit, name="announcement"),
    path("announcements/<int:announcement_id>/delete/", announcements.delete, name="delete_announcement"),
    path("terms/", terms.terms, name="terms"),
    path("terms/accept/", terms.accept, name="accept_terms"),
    path("terms/versions/", terms.versions, name="terms_versions"),
    path("terms/versions/<int:terms_id>/publish/", terms.publish, name="publish_terms"),
    path("terms/accepted.csv", terms.accepted_csv, name="terms_csv"),
]
