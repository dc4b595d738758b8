"""Routes of courses."""

from django.urls import path

from courses.views import acts, course, edit, index, teachers

app_name = "courses"
urlpatterns = [
    path("", index.index, name="index"),
    path("new/", edit.create, name="create"),
    path("<uuid:course_id>/", course.course, name="course"),
    path("<uuid:course_id>/progress/", course.progress, name="progress"),
    path("<uuid:course_id>/edit/", edit.change, name="edit"),
    path("<uuid:course_id>/open/", acts.open_it, name="open"),
    path("<uuid:course_id>/freeze/", acts.freeze, name="freeze"),
    path("<uuid:course_id>/thaw/", acts.thaw, name="thaw"),
    path("<uuid:course_id>/end/", acts.end, name="end"),
    path("<uuid:course_id>/copy/", acts.copy, name="copy"),
    path("<uuid:course_id>/teachers/add/", teachers.add, name="add_teacher"),
    path("<uuid:course_id>/teachers/<int:person_id>/remove/", teachers.remove, name="remove_teacher"),
]
