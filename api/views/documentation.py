"""The documentation of the API, made from its schema; no script and nothing of other hosts."""

from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api.v1 import api


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show all operations with their parameters and answers."""
    example = f'curl -H "Authorization: Bearer $PASSERELLE_TOKEN" {settings.PORTAL_URL}/api/v1/me'
    context = {"operations": operations(), "example": example}
    return render(request, "api/documentation.html", context)


@cache
def operations() -> list[dict[str, Any]]:
    """Return each operation with what the page shows; the schema is the same for everybody."""
    schema = api.get_openapi_schema()
    schemas = schema["components"]["schemas"]
    return [
        {
            "method": method.upper(),
            "path": path.removeprefix("/api/v1"),
            "summary": details["summary"],
            "description": details.get("description", ""),
            "id": details["operationId"],
            "parameters": [*details["parameters"], *_fields(_body_of(details), schemas)],
            "answers": _fields(_answer_of(details), schemas),
        }
        for path, methods in schema["paths"].items()
        for method, details in methods.items()
    ]


def _body_of(details: dict[str, Any]) -> dict[str, Any]:
    return _schema_in(details.get("requestBody", {}))


def _answer_of(details: dict[str, Any]) -> dict[str, Any]:
    answers: dict[Any, dict[str, Any]] = details["responses"]
    return _schema_in(answers.get(200) or answers.get(201) or {})


def _schema_in(described: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _fields(schema: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of an object that the schema names."""
    named = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    required = named.get("required", [])
    return [
        {"name": name, "schema": field, "description": field.get("description", ""), "required": name in required}
        for name, field in named.get("properties", {}).items()
    ]
