"""The database refuses rows that forms and services would not write."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from courses.models import Course, Student
from keys.models import (
    GatewayIdentity,
    GatewayModel,
    Heartbeat,
    Intern,
    Key,
    KeyGift,
    LeakNotice,
    LeakReport,
    LeaveMail,
    LimitOverride,
    PersonBudget,
    ReminderMail,
    SupervisorLeave,
    Team,
    Token,
    UnownedKey,
)
from playground.models import Answer, Conversation, Message
from usage.models import (
    Discrepancy,
    ExchangeRate,
    HourFailure,
    KeyHour,
    Notice,
    PollRun,
    Reconciliation,
    SavedView,
    UsedModel,
)

DAY = date(2026, 11, 28)
Maker = Callable[[User], models.Model]
MODELS = [model for app in ("keys", "courses", "usage") for model in apps.get_app_config(app).get_models()]


def key_of(person: User) -> Key:
    return Key.objects.create(owner=person, kind="temporary", label="thesis", state="active", budget_usd=5)


def token_of(person: User) -> Token:
    return Token.objects.create(key=key_of(person), state="retiring", retires_at=timezone.now())


def team_of(_: User) -> Team:
    return Team.objects.create(budget_usd=40, key_budget_usd=1, ends_at=timezone.now())


def course_key_of(person: User) -> Key:
    return Key.objects.create(owner=person, kind="course", label="class", state="active", team=team_of(person))


def course_of(person: User) -> Course:
    return Course.objects.create(name="Databases", team=team_of(person), starts_at=timezone.now(), created_by=person)


def student_of(person: User) -> Student:
    return Student.objects.create(course=course_of(person), account=person, source="link")


def person_budget_of(person: User) -> PersonBudget:
    return PersonBudget.objects.create(owner=person, budget_usd=Decimal("0.01"), budget_period="30d")


def override_of(person: User) -> LimitOverride:
    return LimitOverride.objects.create(key=key_of(person), budget_usd=1, budget_period="30d")


def intern_of(person: User) -> Intern:
    return Intern.objects.create(supervisor=person, name="Ada")


def leave_mail_of(person: User) -> LeaveMail:
    return LeaveMail.objects.create(leave=SupervisorLeave.objects.create(supervisor=person), manager=person)


def leak_report_of(person: User) -> LeakReport:
    return LeakReport.objects.create(token=token_of(person), source="github")


def leak_notice_of(person: User) -> LeakNotice:
    return LeakNotice.objects.create(report=leak_report_of(person), person=person, role="owner")


def reminder_mail_of(person: User) -> ReminderMail:
    return ReminderMail.objects.create(person=person)


def unowned_key_of(person: User) -> UnownedKey:
    return UnownedKey.objects.create(
        token="0a" * 32, intent="give", intended_at=timezone.now(), gift=KeyGift.objects.create(owner=person)
    )


def model_of(_: User) -> GatewayModel:
    return GatewayModel.objects.create(name="small", input_usd_per_million=0, output_usd_per_million=None)


def heartbeat_of(_: User) -> Heartbeat:
    return Heartbeat.objects.create(kind="beat", name="machine")


def identity_of(_: User) -> GatewayIdentity:
    return GatewayIdentity.objects.create(pk=1)


def used_model_of(_: User) -> UsedModel:
    return UsedModel.objects.create(name="small")


def run_of(_: User) -> PollRun:
    return PollRun.objects.create(kind="today", first_day=DAY, last_day=DAY)


def key_hour_of(person: User) -> KeyHour:
    return KeyHour.objects.create(key=course_key_of(person), hour=timezone.now())


def rate_of(owner: User) -> ExchangeRate:
    about = {"day": DAY, "entered_at": timezone.now(), "entered_by": owner}
    return ExchangeRate.objects.create(currency="EUR", per_usd=Decimal("0.92"), **about)


def view_of(owner: User) -> SavedView:
    return SavedView.objects.create(owner=owner, name="Mine", page="usage:index")


def hour_failure_of(person: User) -> HourFailure:
    return HourFailure.objects.create(key=course_key_of(person), hour=timezone.now(), kind="tokens", requests=1)


def notice_of(person: User) -> Notice:
    return Notice.objects.create(person=person, period_first_day=DAY, threshold=80, spent_usd=4, budget_usd=5)


def notice_of_key(person: User) -> Notice:
    about = {"period_first_day": DAY, "threshold": 80, "spent_usd": 4, "budget_usd": 5}
    return Notice.objects.create(person=person, key=key_of(person), **about)


def notice_of_group(person: User) -> Notice:
    about = {"period_first_day": DAY, "threshold": 70, "spent_usd": 4, "budget_usd": 5}
    return Notice.objects.create(person=person, group=Group.objects.create(name="Course"), **about)


def discrepancy_of(_: User) -> Discrepancy:
    about = {"kind": "sums", "fix": "reread", "name": "", "day": DAY}
    return Discrepancy.objects.create(reconciliation=Reconciliation.objects.create(), **about)


def answer_of(person: User) -> Answer:
    message = Message.objects.create(conversation=Conversation.objects.create(owner=person), text="Hello")
    return Answer.objects.create(message=message, model="small", cost_usd=Decimal("0.0000000001"))


REFUSED: list[tuple[Maker, str, dict[str, Any]]] = [  # a row that is right, the constraint, what breaks it
    (key_of, "keys_kind_known", {"kind": "shared"}),
    (key_of, "keys_course_key_has_a_team", {"kind": "course"}),
    (course_key_of, "keys_course_key_has_a_team", {"kind": "temporary"}),
    (team_of, "keys_team_state_known", {"state": "open"}),
    (team_of, "keys_team_budgets_positive", {"budget_usd": 0}),
    (team_of, "keys_team_budgets_positive", {"key_budget_usd": 0}),
    (team_of, "keys_team_budgets_positive", {"playground_budget_usd": 0}),
    (course_of, "courses_state_known", {"state": "closed"}),
    (course_of, "courses_size", {"max_students": 0}),
    (course_of, "courses_has_name", {"name": ""}),
    (course_of, "courses_open_since", {"state": "open"}),
    (course_of, "courses_ended_since", {"state": "ended"}),
    (student_of, "courses_student_has_account", {"account": None}),
    (student_of, "courses_student_source_known", {"source": "mail"}),
    (key_of, "keys_state_known", {"state": "expired"}),
    (key_of, "keys_problem_known", {"problem": "mislaid"}),
    (key_of, "keys_budget_not_negative", {"budget_usd": Decimal("-0.0001")}),
    (token_of, "keys_token_state_known", {"state": "blocked"}),
    (token_of, "keys_retiring_has_an_end", {"retires_at": None}),
    (person_budget_of, "keys_person_budget_state_known", {"state": ""}),
    (person_budget_of, "keys_person_budget_positive", {"budget_usd": 0}),
    (person_budget_of, "keys_person_budget_positive", {"budget_usd": -3}),
    (person_budget_of, "keys_person_budget_has_a_period", {"budget_period": ""}),
    (person_budget_of, "keys_person_budget_has_a_period", {"budget_period": "1y"}),
    (person_budget_of, "keys_person_budget_has_a_period", {"budget_usd": None}),
    (person_budget_of, "keys_uncounted_spend_has_an_end", {"uncounted_usd": -1}),
    (override_of, "keys_override_budget_has_a_period", {"budget_period": "1y"}),
    (intern_of, "keys_intern_has_name", {"name": ""}),
    (intern_of, "keys_intern_is_not_supervisor", {"account": F("supervisor")}),
    (reminder_mail_of, "keys_reminder_mail_has_one_reader", {"person": None}),
    (leave_mail_of, "keys_leave_mail_has_one_reader", {"manager": None}),
    (unowned_key_of, "keys_unowned_intent_known", {"intent": "renew", "gift": None}),
    (unowned_key_of, "keys_unowned_given_to_somebody", {"gift": None}),
    (unowned_key_of, "keys_unowned_intent_has_a_time", {"intended_at": None}),
    (model_of, "keys_prices_not_negative", {"input_usd_per_million": Decimal("-0.000001")}),
    (model_of, "keys_prices_not_negative", {"output_usd_per_million": -1}),
    (heartbeat_of, "keys_known_kind_of_heartbeat", {"kind": "colour"}),
    (identity_of, "keys_identity_problem_known", {"problem": "strange"}),
    (leak_report_of, "keys_leak_of_one_secret", {"token": None}),
    (leak_report_of, "keys_leak_of_one_secret", {"scim_digest": "0a" * 32}),
    (leak_report_of, "keys_leak_source_known", {"source": "colour"}),
    (leak_notice_of, "keys_leak_role_known", {"role": "colour"}),
    (leak_notice_of, "keys_leak_notice_has_a_reader", {"person": None}),
    (used_model_of, "usage_colour_known", {"colour": 13}),
    (run_of, "usage_run_kind_known", {"kind": "hourly"}),
    (run_of, "usage_run_outcome_known", {"outcome": ""}),
    (run_of, "usage_run_ends_after_start", {"last_day": DAY - timedelta(days=1)}),
    (key_hour_of, "usage_key_hour_not_negative", {"ok_requests": -1}),
    (key_hour_of, "usage_key_hour_not_negative", {"failed_requests": -1}),
    (rate_of, "usage_rate_is_positive", {"per_usd": 0}),
    (view_of, "usage_view_page_known", {"page": "usage:runs"}),
    (view_of, "usage_view_mail_known", {"mail": "hourly"}),
    (hour_failure_of, "usage_failure_kind_known", {"kind": "colour"}),
    (notice_of, "usage_threshold_known", {"threshold": 90}),
    (notice_of, "usage_notice_amounts_positive", {"budget_usd": 0}),
    (notice_of, "usage_notice_amounts_positive", {"spent_usd": Decimal("-0.01")}),
    (notice_of_key, "usage_notice_is_of_one_budget", {"of_person": True}),
    (notice_of_group, "usage_threshold_known", {"threshold": 101}),
    (discrepancy_of, "usage_discrepancy_kind_known", {"kind": "colour"}),
    (discrepancy_of, "usage_discrepancy_fix_known", {"fix": "wait"}),
    (answer_of, "playground_cost_not_negative", {"cost_usd": Decimal("-0.0000000001")}),
]


def test_refuses_what_no_form_would_write(intern: User) -> None:
    for make, name, broken in REFUSED:
        with transaction.atomic():
            row = make(intern)
            with pytest.raises(IntegrityError, match=name), transaction.atomic():
                type(row)._default_manager.filter(pk=row.pk).update(**broken)
            transaction.set_rollback(True)


def test_each_check_constraint_has_a_row_that_it_refuses() -> None:
    names = {each.name for model in MODELS for each in check_constraints_of(model)}

    assert names | {each.name for each in check_constraints_of(Answer)} == {name for _, name, _ in REFUSED}


def test_a_choice_that_is_not_in_the_list_is_no_choice_in_the_database() -> None:
    for model in MODELS:
        conditions = [constraint.condition for constraint in check_constraints_of(model)]
        for field in model._meta.get_fields():
            if choices := getattr(field, "flatchoices", None):
                values = tuple(value for value, _ in choices)
                assert models.Q(**{f"{field.name}__in": values}) in conditions, field


def check_constraints_of(model: type[models.Model]) -> list[models.CheckConstraint]:
    return [each for each in model._meta.constraints if isinstance(each, models.CheckConstraint)]
