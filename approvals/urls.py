"""Routes of requests and their decision."""

from django.urls import path

from approvals.views import asking, deciding

app_name = "approvals"
urlpatterns = [
    path("", asking.index, name="index"),
    path("ask/", asking.ask, name="ask"),
    path("<uuid:request_id>/", deciding.detail, name="detail"),
    path("<uuid:request_id>/withdraw/", asking.withdraw, name="withdraw"),
    path("<uuid:request_id>/approve/", deciding.approve, name="approve"),
    path("<uuid:request_id>/refuse/", deciding.refuse, name="refuse"),
]
