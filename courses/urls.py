"""Routes of courses."""

from django.urls import path

from courses.views import (
    actions,
    add_students,
    attended,
    course,
    edit,
    file_keys,
    index,
    join,
    teachers,
    ways_in,
)

app_name = "courses"
urlpatterns = [
    path("", index.index, name="index"),
    path("new/", edit.create, name="create"),
    path("<uuid:course_id>/", course.course, name="course"),
    path("<uuid:course_id>/progress/", course.progress, name="progress"),
    path("<uuid:course_id>/edit/", edit.change, name="edit"),
    path("<uuid:course_id>/open/", actions.open_it, name="open"),
    path("<uuid:course_id>/freeze/", actions.freeze, name="freeze"),
    path("<uuid:course_id>/thaw/", actions.thaw, name="thaw"),
    path("<uuid:course_id>/end/", actions.end, name="end"),
    path("<uuid:course_id>/copy/", actions.copy, name="copy"),
    path("<uuid:course_id>/teachers/add/", teachers.add, name="add_teacher"),
    path("<uuid:course_id>/teachers/<int:person_id>/remove/", teachers.remove, name="remove_teacher"),
    path("join/<str:code>/", join.join_course, name="join"),
    path("mine/<uuid:course_id>/", attended.attended, name="attended"),
    path("mine/<uuid:course_id>/key/", attended.get_key, name="get_key"),
    path("mine/<uuid:course_id>/replace/", attended.replace_secret, name="replace_secret"),
    path("mine/<uuid:course_id>/leave/", attended.leave, name="leave"),
    path("<uuid:course_id>/add/", add_students.add_students, name="add_students"),
    path("<uuid:course_id>/file/", file_keys.file_keys_page, name="file_keys"),
    path("<uuid:course_id>/file/names/", file_keys.add_names, name="add_names"),
    path("<uuid:course_id>/file/make/", file_keys.make_file, name="make_file"),
    path("<uuid:course_id>/file/replace/", file_keys.replace_file, name="replace_file"),
    path("<uuid:course_id>/file/sheet/", file_keys.sheet, name="sheet"),
    path("<uuid:course_id>/ways-in/", ways_in.ways_in, name="ways_in"),
    path("<uuid:course_id>/ways-in/new/", ways_in.new_link, name="new_link"),
    path("<uuid:course_id>/ways-in/close/", ways_in.close_link, name="close_link"),
    path("<uuid:course_id>/ways-in/save/", ways_in.save_entry, name="save_entry"),
]
