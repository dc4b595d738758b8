"""Version 1 of the API: its routes, its errors and its schema."""

from typing import Final

from api.v1 import admin, courses, groups, interns, keys, me, models, people, policies, requests, runs, students, usage
from api.v1.errors import add_handlers
from api.v1.schema import PortalApi

api: Final = PortalApi(
    title="Passerelle",
    version="1",
    description=(
        "Keys, usage and models of this portal, for scripts. Send an access token of your account as a bearer token. "
        "Amounts of money are strings in USD, so that they stay exact; times are ISO 8601; days are UTC. Errors are "
        "problem details (RFC 9457), in English or French as Accept-Language asks."
    ),
    urls_namespace="v1",
    openapi_url="/openapi.json",
    docs_url=None,
)
add_handlers(api)
for part in (me, keys, usage, models, interns, courses, students, people, admin, groups, policies, requests, runs):
    api.add_router("", part.router)
