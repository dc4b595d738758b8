"""Routes of requests and their decision."""

from django.urls import path

from approvals.views import asking, asking_course, by_link, deciding

app_name = "approvals"
urlpatterns = [
    path("requests/", asking.index, name="index"),
    path("requests/ask/", asking.ask, name="ask"),
    path("courses/<uuid:course_id>/request/", asking_course.ask, name="ask_course"),
    path("requests/<uuid:request_id>/", deciding.detail, name="detail"),
    path("requests/<uuid:request_id>/withdraw/", asking.withdraw, name="withdraw"),
    path("requests/<uuid:request_id>/approve/", deciding.approve, name="approve"),
    path("requests/<uuid:request_id>/refuse/", deciding.refuse, name="refuse"),
    path("link/request/<str:signed>/", by_link.decide, name="decide_by_link"),
]
