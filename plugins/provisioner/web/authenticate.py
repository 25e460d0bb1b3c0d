"""POST /provisioning/authenticate: may this subscriber order? Asked by a portal, answered with a signed token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from provisioner.adapters import tokens
from provisioner.core.authentication import (
    Granted,
    Identifier,
    IdentifierKind,
    Refusal,
    Refused,
    claims,
    names_exactly_one,
)
from provisioner.steps import authenticate
from provisioner.web.answers import NOT_ONE_IDENTIFIER, Problem, Problematic
from provisioner.web.doors import Doors
from provisioner.web.rights import Portal

router = APIRouter()

# What a CRM may hold. Control characters are in no number, and PostgreSQL takes no NUL.
Text = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
PassCode = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]

STATUS = {
    Refusal.UNKNOWN_IDENTIFIER: 404,
    Refusal.AMBIGUOUS_IDENTIFIER: 409,
    Refusal.SUBSCRIPTION_NOT_ACTIVE: 403,
    Refusal.SUBSCRIPTION_NOT_PROVISIONED: 403,
    Refusal.PROVIDER_NOT_EFFECTIVE: 403,
    Refusal.TOO_MANY_FAILURES: 429,
}
DESCRIPTIONS = {
    # One sentence for both: which of the two it was is what a guesser wants to know.
    Refusal.UNKNOWN_IDENTIFIER: "No subscription has this identifier, or the pass code is not its own.",
    Refusal.AMBIGUOUS_IDENTIFIER: "The identifier fits several subscriptions: name the subscription, or with an "
    "access token its subscription_type_identifier.",
    Refusal.SUBSCRIPTION_NOT_ACTIVE: "The subscription is not Active: it may not order now.",
    Refusal.SUBSCRIPTION_NOT_PROVISIONED: "The subscription has nothing that this platform provides.",
    Refusal.PROVIDER_NOT_EFFECTIVE: "The platform is not in service: nobody may order now.",
    Refusal.TOO_MANY_FAILURES: "Too many failures for this identifier: wait as long as Retry-After says.",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SubscriptionIdentifier(_Strict):
    """A subscription by its number."""

    number: Text = Field(examples=["S0000000309"])


class InstalledItemIdentifier(_Strict):
    """The subscription at which a box is installed."""

    serial_number: Text = Field(examples=["4C54-0000-0001"])


class AccessTokenIdentifier(_Strict):
    """The subscription of whoever knows an access token and its pass code."""

    identifier: Text = Field(examples=["T0000000309"])
    pass_code: PassCode = Field(examples=["493021"], repr=False)


class SubscriptionTypeIdentifier(_Strict):
    """Which subscription is meant where an access token fits several."""

    code: Text = Field(examples=["RESIDENTIAL"])


IDENTIFIERS = ("subscription_identifier", "installed_item_identifier", "access_token_identifier")


def _absent() -> Any:
    # A field that is left out, not one that may be null: null is refused.
    return None


def _exactly_one(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [name]} for name in IDENTIFIERS]
    schema["dependentRequired"] = {"subscription_type_identifier": ["access_token_identifier"]}


class Question(BaseModel):
    """Exactly one identifier; with an access token also, where it fits several, the type of the one that is meant."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_exactly_one)

    subscription_identifier: SubscriptionIdentifier = Field(default_factory=_absent)
    installed_item_identifier: InstalledItemIdentifier = Field(default_factory=_absent)
    access_token_identifier: AccessTokenIdentifier = Field(default_factory=_absent)
    subscription_type_identifier: SubscriptionTypeIdentifier = Field(default_factory=_absent)

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = self.model_fields_set.intersection(IDENTIFIERS)
        if not names_exactly_one(given):
            raise PydanticCustomError(
                NOT_ONE_IDENTIFIER.lower(),
                "give exactly one of {identifiers}: {count} were given",
                {"identifiers": ", ".join(IDENTIFIERS), "count": len(given)},
            )
        if "subscription_type_identifier" in self.model_fields_set and self.access_token_identifier is None:
            raise PydanticCustomError(
                "type_without_token", "subscription_type_identifier goes with access_token_identifier only"
            )
        return self

    def identifier(self) -> Identifier:
        """Return who is meant."""
        if self.subscription_identifier is not None:
            return Identifier(kind=IdentifierKind.SUBSCRIPTION, value=self.subscription_identifier.number)
        if self.installed_item_identifier is not None:
            return Identifier(
                kind=IdentifierKind.INSTALLED_ITEM, value=self.installed_item_identifier.serial_number
            )
        narrowed = self.subscription_type_identifier
        return Identifier(
            kind=IdentifierKind.ACCESS_TOKEN,
            value=self.access_token_identifier.identifier,
            pass_code=self.access_token_identifier.pass_code,
            subscription_type=None if narrowed is None else narrowed.code,
        )


class Authenticated(BaseModel):
    """The subscription, and the token with which viewing can start."""

    subscription_number: str = Field(examples=["S0000000309"])
    jwt: str = Field(pattern=r"^[\w-]+\.[\w-]+\.[\w-]+$", repr=False)


RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "NOT_AUTHENTICATED: no Airflow token was sent."},
    403: {
        "model": Problem,
        "description": "Of the caller: NOT_AUTHORIZED (the token is not valid, or its user lacks the right), "
        "FOREIGN_ORIGIN. Of the subscriber: SUBSCRIPTION_NOT_ACTIVE, SUBSCRIPTION_NOT_PROVISIONED, "
        "PROVIDER_NOT_EFFECTIVE.",
    },
    404: {"model": Problem, "description": "UNKNOWN_IDENTIFIER, also for a wrong pass code."},
    409: {"model": Problem, "description": "AMBIGUOUS_IDENTIFIER: it fits several subscriptions."},
    422: {
        "model": Problem,
        "description": "NOT_ONE_IDENTIFIER or INVALID_REQUEST: the body is not as described.",
    },
    429: {
        "model": Problem,
        "description": "TOO_MANY_FAILURES: five in a minute for this identifier.",
        "headers": RETRY_AFTER,
    },
    503: {
        "model": Problem,
        "description": "UNAVAILABLE: a database cannot be asked.",
        "headers": RETRY_AFTER,
    },
}


@router.post(
    "/authenticate",
    summary="Authenticate a subscriber before an order",
    operation_id="authenticate",
    response_model=Authenticated,
    responses=REFUSALS,
)
def authenticate_subscriber(question: Question, asked_by: Portal, request: Request) -> JSONResponse:
    """Tell whether the subscriber may order now, from the CRM's data of this moment; the platform is not called."""
    doors: Doors = request.app.state.doors
    keys, provider = doors.keys(), doors.provider()
    answer = authenticate.run(doors.pools(), keys, provider, question.identifier(), asked_by=asked_by)
    match answer:
        case Granted():
            payload = claims(
                answer,
                api_ip=provider.settings.api_ip,
                now=datetime.now(UTC),
                lifetime_seconds=keys.lifetime_seconds,
            )
            body = {
                "subscription_number": answer.subscription_number,
                "jwt": tokens.sign(payload, keys),
            }
            # A token must not be found in a cache.
            return JSONResponse(body, headers={"Cache-Control": "no-store"})
        case Refused(refusal=refusal, retry_after=retry_after):
            headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
            raise Problematic(STATUS[refusal], refusal.value, DESCRIPTIONS[refusal], headers)
