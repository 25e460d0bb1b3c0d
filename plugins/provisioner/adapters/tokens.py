"""Tokens for the portal, signed with what the Airflow connection `tucano_jwt` holds: a secret, or a PEM key."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from provisioner.core.authentication import TOKEN_SECONDS, Identifier
from provisioner.core.errors import ConfigurationError

HS256, RS256 = "HS256", "RS256"
# RFC 7518: an HS256 key is at least as long as its hash, an RS256 key has at least 2048 bits.
SECRET_BYTES = 32
RSA_BITS = 2048
REQUIRED = ("exp", "userid", "apip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key. *verifies* is what checks a signature of it: the same secret, or the public half."""

    algorithm: str
    signs: Any = field(repr=False)
    verifies: Any = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The key that signs, and every key that is accepted meanwhile, the newest first.

    *mark_key* marks identifiers in the log of attempts, so that they can be counted and not read.
    """

    signing: Key
    accepted: tuple[Key, ...]
    mark_key: bytes = field(repr=False)
    lifetime_seconds: int = TOKEN_SECONDS


def read_keys(password: str | None, extra: Mapping[str, Any]) -> Keys:
    """Return the keys of the connection with that *password* (the newest key) and *extra*.

    *extra* may hold `previous_key`, accepted until it is taken out, and `lifetime_seconds`.
    Raises ConfigurationError for a key that is missing, weak or unreadable; no message holds a key.
    """
    newest = _key("the password", password)
    previous = extra.get("previous_key")
    accepted = (newest, _key("previous_key", str(previous))) if previous else (newest,)
    lifetime = extra.get("lifetime_seconds", TOKEN_SECONDS)
    if not isinstance(lifetime, int) or isinstance(lifetime, bool) or lifetime < 1:
        raise ConfigurationError(
            f"connection tucano_jwt has lifetime_seconds {lifetime!r}: give whole seconds, at least 1"
        )
    mark_key = hashlib.sha256(b"identifiers of authentication attempts:" + str(password).encode()).digest()
    return Keys(signing=newest, accepted=accepted, mark_key=mark_key, lifetime_seconds=lifetime)


def _key(where: str, text: str | None) -> Key:
    if not text:
        raise ConfigurationError(
            f"connection tucano_jwt has no key in {where}: put a secret of at least {SECRET_BYTES} bytes "
            "or a PEM private key there (docs/authentication.md)"
        )
    if text.lstrip().startswith("-----BEGIN"):
        return _rsa_key(where, text)
    if len(text.encode()) < SECRET_BYTES:
        raise ConfigurationError(
            f"connection tucano_jwt has a secret of {len(text.encode())} bytes in {where}: "
            f"at least {SECRET_BYTES} are needed (docs/authentication.md)"
        )
    return Key(algorithm=HS256, signs=text, verifies=text)


def _rsa_key(where: str, text: str) -> Key:
    # In an environment variable or a one-line field the line ends of a PEM file are often written as \n.
    pem = text.strip().replace("\\n", "\n").encode()
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigurationError(
            f"connection tucano_jwt has a PEM text in {where} that is no private key without pass phrase: "
            "make one with `openssl genrsa 2048` (docs/authentication.md)"
        ) from None
    if not isinstance(private, RSAPrivateKey) or private.key_size < RSA_BITS:
        raise ConfigurationError(
            f"connection tucano_jwt needs an RSA key of at least {RSA_BITS} bits in {where}: "
            "make one with `openssl genrsa 2048` (docs/authentication.md)"
        )
    return Key(algorithm=RS256, signs=private, verifies=private.public_key())


def sign(claims: Mapping[str, Any], keys: Keys) -> str:
    """Return *claims* as a token of the newest key. Its header holds `alg` and `typ` and nothing else."""
    return jwt.encode(dict(claims), keys.signing.signs, algorithm=keys.signing.algorithm)


def verify(token: str, keys: Keys) -> dict[str, Any]:
    """Return the claims of a *token* of ours that is valid now, as whoever receives it should check it.

    Each key is tried with its own algorithm only: what the token's header asks for decides nothing.
    Raises jwt.InvalidTokenError for any other token.
    """
    failure: jwt.InvalidTokenError = jwt.InvalidTokenError("no key is accepted")
    for key in keys.accepted:
        try:
            found: dict[str, Any] = jwt.decode(
                token, key.verifies, algorithms=[key.algorithm], options={"require": list(REQUIRED)}
            )
        except jwt.ExpiredSignatureError:
            raise  # the signature was right, so no other key will say anything else
        except jwt.InvalidTokenError as error:
            failure = error
        else:
            return found
    raise failure


def mark(identifier: Identifier, keys: Keys) -> bytes:
    """Return a keyed hash of *identifier*: equal for equal ones, and telling nothing without the key."""
    return hmac.digest(keys.mark_key, f"{identifier.kind}:{identifier.value}".encode(), "sha256")
