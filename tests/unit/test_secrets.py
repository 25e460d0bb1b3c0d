"""What may be printed: a value that knows a secret does not show it, however it is looked at."""

from __future__ import annotations

import dataclasses
import json
import traceback

import pytest

from provisioner.adapters.connections import Connections
from provisioner.adapters.request_log import Closing, OpenRequest
from provisioner.adapters.tucano import Endpoint
from provisioner.core import wire
from provisioner.core.errors import PlatformUnavailable, SourceError
from provisioner.core.model import AccountId, RequestState, SubscriptionNumber
from tests.factories import ACCOUNT, SUBSCRIBER, create_account

SECRET = "s3cr3t-word"
CONNECTIONS = Connections(
    provisioning_dsn=f"postgresql://provisioner:{SECRET}@127.0.0.1:1/provisioning?connect_timeout=1",
    crm_dsn=f"host=127.0.0.1 port=1 user=crm_reader password={SECRET} dbname=crm",
    tucano=Endpoint(url="http://127.0.0.1:1", user="tucano", password=SECRET),
)


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r:>1}".format, "{!s}".format])
def test_connections_show_no_password(shown) -> None:
    assert SECRET not in shown(CONNECTIONS)
    assert SECRET not in shown(CONNECTIONS.tucano)
    assert SECRET not in shown([CONNECTIONS, {"tucano": CONNECTIONS.tucano}])


def test_every_field_that_holds_a_secret_is_kept_from_the_representation() -> None:
    for value in (CONNECTIONS, CONNECTIONS.tucano):
        for field in dataclasses.fields(value):
            holds = isinstance(getattr(value, field.name), str) and SECRET in getattr(value, field.name)
            assert not (holds and field.repr), f"{type(value).__name__}.{field.name}"


def test_a_database_that_cannot_be_reached_is_told_without_its_password() -> None:
    for door, error in ((CONNECTIONS.provisioning, PlatformUnavailable), (CONNECTIONS.crm, SourceError)):
        with pytest.raises(error) as caught, door():
            pass

        assert "cannot be opened" in str(caught.value)
        assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_request_shows_neither_its_body_nor_its_answer() -> None:
    request = OpenRequest(
        sequence_number=1,
        request_number="PR-1",
        account=AccountId(ACCOUNT),
        subscription_number=SubscriptionNumber("S1"),
        command=create_account(),
        body=wire.encode("PR-1", create_account()),
    )
    closing = Closing(sequence_number=1, state=RequestState.REJECTED, attempts=1, response=SUBSCRIBER.name)

    assert "PR-1" in repr(request)
    assert SUBSCRIBER.name not in repr(closing)
    assert str(request.body) not in repr(request)


def test_masked_parameters_hold_no_personal_data() -> None:
    masked = wire.masked(wire.parameters(create_account()))

    assert not [one for one in dataclasses.astuple(SUBSCRIBER) if one in json.dumps(masked)]
