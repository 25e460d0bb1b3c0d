"""Pass codes against their stored hashes (Argon2, in the PHC string form), in constant time and alike long."""

from __future__ import annotations

import secrets
from dataclasses import fields
from functools import lru_cache
from typing import Any

from argon2 import Parameters, PasswordHasher, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import get_default_parameters

from provisioner.core.errors import SourceError

_HASHER = PasswordHasher()
DEFAULT = get_default_parameters()


def matches(pass_code: str, stored: str) -> bool:
    """Tell whether *pass_code* is the one that *stored* was made of; takes as long whatever the answer.

    Raises SourceError where *stored* is not such a hash.
    """
    try:
        return _HASHER.verify(stored, pass_code)
    except InvalidHashError:
        raise SourceError(
            "a pass code hash of the CRM is not an Argon2 hash in PHC form ($argon2id$...): see docs/crm-contract.md"
        ) from None
    except VerificationError:
        return False


def decoy(like: str | None) -> str:
    """Return a hash that no pass code matches, as costly to check as *like*, a stored one.

    Checked where there is nothing to check, so that an unknown identifier takes as long as a wrong pass code.
    One is made for each set of parameters and kept for the life of the process.
    """
    try:
        parameters = DEFAULT if like is None else extract_parameters(like)
    except InvalidHashError:
        parameters = DEFAULT
    # As a tuple: Parameters themselves cannot be looked up.
    return _decoy(tuple(getattr(parameters, one.name) for one in fields(parameters)))


@lru_cache(maxsize=16)
def _decoy(parameters: tuple[Any, ...]) -> str:
    return PasswordHasher.from_parameters(Parameters(*parameters)).hash(secrets.token_hex(32))
