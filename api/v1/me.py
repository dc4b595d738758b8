"""The owner of the access token."""

from datetime import datetime

from ninja import Field, Router, Schema, Status

from accounts.tokens import revoke_token
from api.v1.auth import ApiRequest, Bearer, access_token_of, actor_of
from keys.services import count_action
from keys.snippets import base_url

router = Router(tags=["me"])


class TokenOut(Schema):
    """The access token of the request."""

    name: str
    last_four: str
    scopes: list[str]
    expires_at: datetime


class Me(Schema):
    """A person, and the access token that they use."""

    username: str
    name: str
    email: str
    groups: list[str]
    base_url: str = Field(description="Of the gateway: where programs send calls to models.")
    access_token: TokenOut


@router.get("/me", response=Me, auth=Bearer(), summary="You, and your access token")
def me(request: ApiRequest) -> Me:
    """Return the owner of the access token; any scope will do."""
    person, token = request.user, access_token_of(request)
    return Me(
        username=person.username,
        name=person.display_name,
        email=person.email,
        groups=sorted(person.groups.values_list("name", flat=True)),
        base_url=base_url(),
        access_token=TokenOut(
            name=token.name,
            last_four=token.last_four,
            scopes=sorted(token.scope_names),
            expires_at=token.expires_at,
        ),
    )


@router.delete("/me/access-token", response={204: None}, auth=Bearer(), summary="Revoke your access token")
def revoke_access_token(request: ApiRequest) -> Status[None]:
    """Revoke the access token of the request: it no longer works. Any scope will do."""
    count_action(request.user, "api:revoke_token")
    revoke_token(token=access_token_of(request), actor=actor_of(request))
    return Status(204, None)
