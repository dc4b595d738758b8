"""The service and the handler of scim2-server, with the scopes of the client."""

from typing import Any, Final

from scim2_models import ForbiddenException, Resource, ResourceType
from scim2_server.handler import ScimHandler
from scim2_server.requests import ScimRequest
from scim2_server.routing import Operation, Target
from scim2_server.service import ScimService

from accounts.models import ScimScope
from scim.resources import PROVIDER
from scim.storage import AccountStorage

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


class AccountHandler(ScimHandler):
    """Answers a change with what a client would read now, also where nothing was to be changed."""

    def __init__(self, accounts: AccountStorage) -> None:
        super().__init__(SERVICE, accounts)
        self.accounts = accounts

    def replace_resource(self, resource_type: ResourceType, current: Resource[Any], *rest: Any) -> Resource[Any]:
        """Replace all of one."""
        super().replace_resource(resource_type, current, *rest)
        return self.accounts.shown(resource_type, current.id or "")

    def patch_resource(self, resource_type: ResourceType, resource_id: str, *rest: Any) -> Resource[Any]:
        """Change a part of one."""
        super().patch_resource(resource_type, resource_id, *rest)
        return self.accounts.shown(resource_type, resource_id)
