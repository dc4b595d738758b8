"""Presets of a course: opened by its students and teachers, and as code; edited by its teachers."""

import uuid

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import actor_of
from courses import services
from courses.models import Course, Preset
from courses.views.common import done, taught
from keys.catalogue import CHAT_MODES
from keys.models import GatewayModel
from playground.forms.course_preset import PresetForm, PresetSettingsForm
from playground.preset_code import request_of
from playground.views.code import show_code
from playground.views.common import page_context
from web.request import PortalRequest


@require_safe
@never_cache
def open_preset(request: PortalRequest, preset_id: int) -> HttpResponse:
    """Show an empty conversation with the preset filled in, or locked; nothing is sent before Send."""
    preset = _open_to(request, preset_id)
    context = page_context(request, None, opened=preset)
    if preset.is_locked and context["models"] and preset.model not in context["form"].models:
        words = _("The preset “%(name)s” needs the model “%(model)s”, which you cannot use here.")
        context["sentence"] = words % {"name": preset.name, "model": preset.model}
    return render(request, "playground/index.html", context)


@require_safe
@never_cache
def preset_code(request: PortalRequest, preset_id: int) -> HttpResponse:
    """Show a call with the preset as code, for a key of the course."""
    preset = _open_to(request, preset_id)
    is_teacher = preset.course.teachers.filter(person=request.user).exists()
    page = "courses:course" if is_teacher else "courses:attended"
    return show_code(request, "chat", request_of(preset), back=reverse(page, args=[preset.course_id]))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def create_preset(request: PortalRequest, course_id: uuid.UUID) -> HttpResponse:
    """Show the form of a new preset; on POST, add it to the course."""
    return _edited(request, taught(request, course_id), None)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def edit_preset(request: PortalRequest, preset_id: int) -> HttpResponse:
    """Show the form of a preset; on POST, change it."""
    preset = _taught(request, preset_id)
    return _edited(request, preset.course, preset)


@require_POST
def move_preset(request: PortalRequest, preset_id: int) -> HttpResponse:
    """Move a preset up in the order of the course's pages, or down."""
    preset = _taught(request, preset_id)

    def do() -> str:
        services.move_preset(course=preset.course, preset=preset, up=request.POST.get("to") == "up")
        return _("Moved: “%(name)s”.") % {"name": preset.name}

    return done(request, preset.course, "preset", do, lambda: _back(preset.course))


@require_http_methods(["GET", "HEAD", "POST"])
def delete_preset(request: PortalRequest, preset_id: int) -> HttpResponse:
    """Ask for a confirmation; on POST, delete the preset."""
    preset = _taught(request, preset_id)
    if request.method != "POST":
        return render(request, "playground/delete_preset.html", {"course": preset.course, "preset": preset})

    def do() -> str:
        services.delete_preset(course=preset.course, preset=preset, actor=actor_of(request))
        return _("Deleted: “%(name)s”.") % {"name": preset.name}

    return done(request, preset.course, "preset", do, lambda: _back(preset.course))


def _open_to(request: PortalRequest, preset_id: int) -> Preset:
    return get_object_or_404(Preset.objects.open_to(request.user).select_related("course"), pk=preset_id)


def _taught(request: PortalRequest, preset_id: int) -> Preset:
    """Return a preset of a course that the person teaches; 404 for everybody else."""
    own = Preset.objects.filter(course__in=Course.objects.taught_by(request.user))
    return get_object_or_404(own.select_related("course__team"), pk=preset_id)


def _edited(request: PortalRequest, course: Course, preset: Preset | None) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    about = PresetForm(data, initial={"name": preset.name, "is_locked": preset.is_locked} if preset else None)
    form = PresetSettingsForm(data, models=_models_of(course), preset=preset)
    if data is None or not all([about.is_valid(), form.is_valid()]):
        context = {"course": course, "preset": preset, "about": about, "form": form, "models": form.models.values()}
        return render(request, "playground/preset.html", context, status=200 if data is None else 422)

    def do() -> str:
        values = {**about.cleaned_data, **form.values()}
        services.save_preset(course=course, preset=preset, values=values, actor=actor_of(request))
        return _("Saved: “%(name)s”.") % {"name": values["name"]}

    return done(request, course, "preset", do, lambda: _back(course))


def _models_of(course: Course) -> list[GatewayModel]:
    """Return the course's models for conversations, in the gateway's order."""
    named = course.team.model_names
    models = GatewayModel.objects.filter(mode__in=CHAT_MODES)
    return [model for model in models if named is None or model.name in named]


def _back(course: Course) -> HttpResponse:
    return redirect("courses:course", course.pk)
