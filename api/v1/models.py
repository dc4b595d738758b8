"""The models that a person may call."""

from ninja import Field, Router, Schema

from accounts.policies import policy_of
from api.v1.auth import ApiRequest, Bearer
from api.v1.money import Usd
from catalogue.listing import ListedModel, listed, models_open_to

router = Router(tags=["models"])


class ModelOut(Schema):
    """A model of the gateway."""

    name: str
    mode: str
    provider: str
    max_input_tokens: int | None
    max_output_tokens: int | None
    input_usd_per_million: Usd | None
    output_usd_per_million: Usd | None
    features: list[str]
    health: str = Field(description="up, slow, failing or unknown, in the last hour.")
    on_request: bool = Field(description="It can be requested, not called.")


class ModelList(Schema):
    """All models, by name."""

    items: list[ModelOut]


@router.get("/models", response=ModelList, auth=Bearer("models:read"), summary="Models")
def list_models(request: ApiRequest) -> ModelList:
    """List the models that you can call, or request, with prices and health."""
    allowance = policy_of(request.user)
    rows = listed(models_open_to(allowance).order_by("name"), allowance, {})
    return ModelList(items=[_model_out(row) for row in rows])


def _model_out(row: ListedModel) -> ModelOut:
    model = row.model
    return ModelOut(
        name=model.name,
        mode=model.mode,
        provider=model.provider,
        max_input_tokens=model.max_input_tokens,
        max_output_tokens=model.max_output_tokens,
        input_usd_per_million=model.input_usd_per_million,
        output_usd_per_million=model.output_usd_per_million,
        features=model.features,
        health=row.health.state if row.health else "unknown",
        on_request=row.on_request,
    )
