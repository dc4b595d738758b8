"""Routes of usage."""

from django.urls import path

from usage.views import explorer_csv, exports, notices, pages, polling, rates, report, saved, statement, suggest

app_name = "usage"
urlpatterns = [
    path("", pages.index, name="index"),
    path("usage.csv", exports.page_of_mine, name="csv"),
    path("facts.csv", exports.facts_of_mine, name="facts_csv"),
    path("view.csv", explorer_csv.of_mine, name="view_csv"),
    path("interns/", pages.my_interns, name="interns"),
    path("interns/usage.csv", exports.page_of_interns, name="interns_csv"),
    path("interns/facts.csv", exports.facts_of_interns, name="interns_facts_csv"),
    path("interns/view.csv", explorer_csv.of_interns, name="interns_view_csv"),
    path("interns/report/", report.of_interns, name="interns_report"),
    path("interns/report.csv", report.of_interns_csv, name="interns_report_csv"),
    path("everyone/", pages.everyone, name="everyone"),
    path("everyone/usage.csv", exports.page_of_everyone, name="everyone_csv"),
    path("everyone/people.csv", exports.people, name="people_csv"),
    path("everyone/facts.csv", exports.facts_of_everyone, name="everyone_facts_csv"),
    path("everyone/view.csv", explorer_csv.of_everyone, name="everyone_view_csv"),
    path("everyone/report/", report.of_everyone, name="everyone_report"),
    path("everyone/report.csv", report.of_everyone_csv, name="everyone_report_csv"),
    path("everyone/cost-centres/", statement.page, name="statement"),
    path("everyone/cost-centres.csv", statement.file, name="statement_csv"),
    path("rates/", rates.rates, name="rates"),
    path("rates/<int:rate_id>/delete/", rates.delete, name="delete_rate"),
    path("everyone/suggest/people/", suggest.people, name="suggest_people"),
    path("everyone/suggest/keys/", suggest.keys, name="suggest_keys"),
    path("start/", saved.start, name="start"),
    path("views/", saved.index, name="views"),
    path("views/save/", saved.save, name="save_view"),
    path("views/<uuid:view_id>/", saved.show, name="view"),
    path("views/<uuid:view_id>/change/", saved.change, name="change_view"),
    path("views/<uuid:view_id>/delete/", saved.delete, name="delete_view"),
    path("notices/seen/", notices.seen, name="notices_seen"),
    path("refresh/", polling.refresh, name="refresh"),
    path("refreshed/", polling.refreshed, name="refreshed"),
    path("runs/", polling.runs, name="runs"),
    path("compare/", polling.reconcile, name="reconcile"),
    path("compare/accept-gateway/", polling.accept_gateway, name="accept_gateway"),
    path("compare/fix/<int:discrepancy_id>/", polling.fix, name="fix"),
]
