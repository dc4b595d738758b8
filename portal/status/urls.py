"""Routes of the status page."""

from django.urls import path

from portal.status import views

app_name = "status"
urlpatterns = [
    path("", views.index, name="index"),
    path("diagnostics.txt", views.diagnostics_file, name="diagnostics"),
]
