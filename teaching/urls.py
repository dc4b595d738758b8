"""Routes of the pages about running courses."""

from django.urls import path

from teaching.views import actions, course, index, message, report

app_name = "teaching"
urlpatterns = [
    path("all/", index.courses, name="courses"),
    path("all.csv", index.courses_csv, name="courses_csv"),
    path("<uuid:course_id>/use/", course.course, name="course"),
    path("<uuid:course_id>/students.csv", course.students_csv, name="students_csv"),
    path("<uuid:course_id>/action/", actions.action, name="action"),
    path("<uuid:course_id>/message/", message.message, name="message"),
    path("<uuid:course_id>/report/", report.report, name="report"),
    path("<uuid:course_id>/report.csv", report.report_csv, name="report_csv"),
]
