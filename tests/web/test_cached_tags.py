"""What templates remember: addresses and texts, and of these nothing that another page or language would see."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.core.checks import Tags, run_checks
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine, engines
from django.test import RequestFactory, override_settings
from django.urls import NoReverseMatch, include, path, resolve, set_script_prefix
from django.utils.translation import override

from web.addresses import address_of

KEY = UUID(int=7)


def render(source: str, **values: Any) -> str:
    return str(engines["django"].from_string(source).render(values))


def plainly(source: str, **values: Any) -> str:
    """Render with Django's own tags."""
    libraries = {name: f"django.templatetags.{name}" for name in ("i18n", "static")}
    return Engine(libraries=libraries).from_string(source).render(Context(values))


def nothing(_request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [
    path("elsewhere/", nothing, name="privacy"),
    path("first/", include(([path("", nothing, name="index")], "twice"), namespace="first")),
    path("second/", include(([path("", nothing, name="index")], "twice"), namespace="second")),
    path("group/<str:name>/", nothing, name="group"),
]


@pytest.mark.parametrize(
    "source",
    [
        "{% url 'web:privacy' %}",
        "{% url 'keys:detail' key %}",
        "{% url 'keys:detail' key_id=key %}",
        "{% url route %}",
        "{% url 'keys:detail' key as there %}{{ there }}",
        "{% url 'no:route' as there %}{{ there }}",
    ],
)
def test_an_address_is_that_of_django_each_time(source: str) -> None:
    values = {"key": KEY, "route": "usage:index"}

    assert [render(source, **values) for _ in range(2)] == [plainly(source, **values)] * 2


def test_an_address_depends_on_the_prefix_the_routes_and_the_type_of_its_arguments() -> None:
    assert address_of("web:privacy") == "/privacy/"
    try:
        set_script_prefix("/portal/")
        assert address_of("web:privacy") == "/portal/privacy/"
    finally:
        set_script_prefix("/")
    assert address_of("people:group", 1) != address_of("people:group", 2)
    with pytest.raises(NoReverseMatch):
        address_of("people:group", True)  # equal to 1
    with override_settings(ROOT_URLCONF=__name__):
        assert address_of("privacy") == "/elsewhere/"
        with pytest.raises(NoReverseMatch):
            address_of("web:privacy")


@override_settings(ROOT_URLCONF=__name__)
def test_an_address_depends_on_the_namespace_of_the_page() -> None:
    template, found = engines["django"].from_string("{% url 'twice:index' %}"), []
    for page in ("/first/", "/second/"):
        request = RequestFactory().get(page)
        request.resolver_match = resolve(page)
        found.append(template.render({}, request))

    assert found == ["/first/", "/second/"]
    request.current_app = "first"  # as Django's admin sets it: goes before the page
    assert template.render({}, request) == "/first/"


@override_settings(ROOT_URLCONF=__name__)
def test_an_address_of_an_object_is_found_anew() -> None:
    before, after = Group(pk=1, name="before"), Group(pk=1, name="after")  # equal to each other

    assert [address_of("group", each) for each in (before, after)] == ["/group/before/", "/group/after/"]
    assert address_of("group", Group(name="new")) == "/group/new/"  # has no hash
    with pytest.raises(NoReverseMatch):
        address_of("no:route", ["a list"])


def test_no_other_libraries_than_these_stand_for_others() -> None:
    """Settings silence the check of names used twice."""
    twice = [each.msg for each in run_checks(tags=[Tags.templates]) if each.id == "templates.W003"]

    assert sorted(message.split()[0] for message in twice) == ["'i18n'", "'static'"]


def test_the_address_of_a_file_is_that_of_django_each_time() -> None:
    values = [{"file": file} for file in ("img/icons.svg", "img/favicon.svg")] * 2
    for source in ("'img/icons.svg'", "file", "file|upper", "'img/icons.svg' as there %}{{ there"):
        end = "}}" if " as " in source else "%}"
        loaded = f"{{% load static %}}{{% static {source} {end}"
        template = engines["django"].from_string(loaded)

        assert [template.render(each) for each in values] == [plainly(loaded, **each) for each in values]


@pytest.mark.parametrize(
    "source",
    [
        "{% translate 'My keys' %}",
        "{% translate 'My keys' as words %}{{ words }}",
        "{% translate 'My keys' noop %}",
        "{% translate 'Requests' context 'for more' %}",
        "{% translate 'My keys'|upper %}",
        "{% translate label %}",
        "{% autoescape off %}{% translate label %}{% endautoescape %}",
        "{% translate '100%% <b>' %}{% autoescape off %}{% translate '100%% <b>' %}{% endautoescape %}",
        "{% blocktranslate count number=number %}{{ number }} key{% plural %}{{ number }} keys{% endblocktranslate %}",
        "{% blocktranslate with name=label %}Renew {{ name }}{% endblocktranslate %}",
    ],
)
def test_a_text_is_that_of_django_in_each_language(source: str) -> None:
    loaded = f"{{% load i18n %}}{source}"
    values = ({"label": "<i>", "number": 1}, {"label": "My keys", "number": 2})
    ours = engines["django"].from_string(loaded)
    for _ in range(2):
        for language in ("en", "fr"):
            with override(language):
                for each in values:
                    assert ours.render(each) == plainly(loaded, **each), (language, each)
