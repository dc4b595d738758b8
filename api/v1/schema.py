"""The OpenAPI schema: what django-ninja writes, with the scope of each operation and the shape of errors."""

from functools import cached_property
from typing import Any, Final

from django.conf import settings
from ninja import NinjaAPI, Schema
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation

from api.middleware import PREFIX
from api.problems import CONTENT_TYPE


class FieldError(Schema):
    """What is wrong with one field."""

    field: str
    message: str


class ProblemDetails(Schema):
    """An error, by RFC 9457. `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] = []


PROBLEM_REF: Final = {"$ref": "#/components/schemas/ProblemDetails"}
PROBLEM_RESPONSE: Final = {
    "description": "The request is refused, or failed.",
    "content": {CONTENT_TYPE: {"schema": PROBLEM_REF}},
}


class PortalApi(NinjaAPI):
    """django-ninja's, whose schema names scopes and errors."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of the function, which is unique."""
        return operation.view_func.__name__

    def get_openapi_schema(self, **_options: Any) -> OpenAPISchema:
        """Return the schema: always the same, and anybody may ask for it, so it is made once."""
        return self._schema

    @cached_property
    def _schema(self) -> OpenAPISchema:
        """The schema, with the scopes and a problem as the answer to whatever is refused."""
        schema = super().get_openapi_schema(path_prefix=PREFIX)
        schema["servers"] = [{"url": settings.PORTAL_URL}]
        scopes = self.scopes_by_operation()
        for path in schema["paths"].values():
            for details in path.values():
                details["responses"]["default"] = PROBLEM_RESPONSE
                if scope := scopes.get(details["operationId"]):
                    details["x-scope"] = scope
                    details["description"] = f"{details.get('description', '')} Scope: `{scope}`.".strip()
        definitions = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= {**definitions.pop("$defs"), "ProblemDetails": definitions}
        return schema

    def scopes_by_operation(self) -> dict[str, str]:
        """Return the scope that each operation asks for; one without a scope is missing."""
        operations = [
            operation
            for _prefix, router in self._routers
            for view in router.path_operations.values()
            for operation in view.operations
        ]
        scopes = {each.view_func.__name__: getattr(each.auth_callbacks[0], "scope", None) for each in operations}
        return {name: scope for name, scope in scopes.items() if scope}
