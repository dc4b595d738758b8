"""Routes of My keys, and of pages that help to use a key."""

from django.urls import path

from keys.views import actions, check, interns, links, panel, reference, renew_all, requests

app_name = "keys"
urlpatterns = [
    path("", panel.index, name="index"),
    path("keys/create/", actions.create, name="create"),
    path("keys/check/", check.check, name="check"),
    path("keys/renew-all/", renew_all.renew_all, name="renew_all"),
    path("keys/history/", check.history, name="history"),
    path("keys/<uuid:key_id>/", check.detail, name="detail"),
    path("keys/<uuid:key_id>/renew/", actions.renew, name="renew"),
    path("keys/<uuid:key_id>/rotate/", actions.rotate, name="rotate"),
    path("keys/<uuid:key_id>/leaked/", actions.leaked, name="leaked"),
    path("keys/<uuid:key_id>/end-old/", actions.end_old, name="end_old"),
    path("keys/<uuid:key_id>/pause/", actions.pause, name="pause"),
    path("keys/<uuid:key_id>/resume/", actions.resume, name="resume"),
    path("keys/<uuid:key_id>/label/", actions.label, name="label"),
    path("keys/<uuid:key_id>/requests/", requests.requests, name="requests"),
    path("keys/<uuid:key_id>/limits/", interns.limits, name="limits"),
    path("keys/<uuid:key_id>/delete/", actions.delete, name="delete"),
    path("link/pause/<str:signed>/", links.pause, name="pause_by_link"),
    path("link/renew/<str:signed>/", links.renew, name="renew_by_link"),
    path("interns/<uuid:intern_id>/", interns.detail, name="intern"),
    path("interns/<uuid:intern_id>/edit/", interns.edit, name="intern_edit"),
    path("interns/<uuid:intern_id>/stay/", interns.stay, name="intern_stay"),
    path("interns/<uuid:intern_id>/hand-over/", interns.hand_over, name="intern_hand_over"),
    path("get-started/", reference.get_started, name="get_started"),
    path("status/", reference.status, name="status"),
]
