"""The service of scim2-server, with the scopes of the client."""

from typing import Final

from scim2_models import ForbiddenException, ResourceType
from scim2_server.requests import ScimRequest
from scim2_server.routing import Operation, Target
from scim2_server.service import ScimService

from accounts.models import ScimScope
from scim.resources import PROVIDER

READS: Final = (Operation.query, Operation.search, Operation.search_with_body)
SCOPES: Final = {"User": ScimScope.USERS, "Group": ScimScope.GROUPS}


class ScopedService(ScimService):
    """Lets a client write what its scopes name; it reads both."""

    def authorize(self, request: ScimRequest, target: Target, resource_type: ResourceType) -> None:
        """Refuse what no scope of the client allows."""
        scope = SCOPES[resource_type.name or ""]
        if target.operation not in READS and scope not in request.subject.scope_names:
            raise ForbiddenException(detail=f"This token does not have the scope {scope}.")


SERVICE: Final = ScopedService(PROVIDER)
