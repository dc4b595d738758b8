"""Routes of notices, announcements and the terms of use."""

from django.urls import path

from notices.views import announcements, bell, checklist, terms

app_name = "notices"
urlpatterns = [
    path("notices/", bell.index, name="index"),
    path("notices/dismiss/", bell.dismiss, name="dismiss"),
    path("notices/restore/", bell.restore, name="restore"),
    path("setup/", checklist.index, name="checklist"),
    path("setup/mail/", checklist.send_mail, name="test_mail"),
    path("setup/mail/<str:code>/", checklist.confirm_mail, name="confirm_mail"),
    path("setup/policy-read/", checklist.policy_read, name="policy_read"),
    path("setup/dismiss/", checklist.dismiss, name="dismiss_checklist"),
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
