"""The portal's token: how it is signed, what a receiver refuses, how keys change; and pass codes against hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import cache

import jwt
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from provisioner.adapters import pass_codes, tokens
from provisioner.core.authentication import Identifier, IdentifierKind
from provisioner.core.errors import ConfigurationError, SourceError

OLD, NEW = "o" * 32, "n" * 32


def pem_of(key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@cache
def an_rsa_key(bits: int = 2048) -> str:
    return pem_of(rsa.generate_private_key(65537, bits))


def some_claims(**changed):
    return {"exp": int(time.time()) + 300, "userid": "S0000000309", "apip": "127.0.0.1"} | changed


def part(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.fixture(params=["HS256", "RS256"])
def keys(request):
    return tokens.read_keys(NEW if request.param == "HS256" else an_rsa_key(), {})


def test_a_secret_signs_hs256_and_a_pem_key_rs256_with_alg_and_typ_alone_in_the_header():
    for password, algorithm in ((NEW, "HS256"), (an_rsa_key(), "RS256")):
        token = tokens.sign(some_claims(), tokens.read_keys(password, {}))

        assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "JWT"}


def test_a_token_says_what_was_signed(keys):
    claims = some_claims()

    assert tokens.verify(tokens.sign(claims, keys), keys) == claims


def test_an_expired_token_is_refused(keys):
    with pytest.raises(jwt.ExpiredSignatureError):
        tokens.verify(tokens.sign(some_claims(exp=int(time.time()) - 1), keys), keys)


def test_an_altered_token_is_refused(keys):
    header, _, signature = tokens.sign(some_claims(), keys).split(".")

    with pytest.raises(jwt.InvalidTokenError):
        tokens.verify(".".join((header, part(some_claims(userid="S0000000001")), signature)), keys)


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE"])
def test_a_token_without_signature_is_refused(keys, algorithm):
    unsigned = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(some_claims())}."

    with pytest.raises(jwt.InvalidTokenError):
        tokens.verify(unsigned, keys)


def test_a_token_of_another_algorithm_is_refused_though_the_key_is_right():
    secret = tokens.read_keys("n" * 64, {})

    with pytest.raises(jwt.InvalidTokenError):
        tokens.verify(jwt.encode(some_claims(), "n" * 64, algorithm="HS512"), secret)


def test_the_public_key_is_no_secret_to_sign_with():
    keys = tokens.read_keys(an_rsa_key(), {})
    public = keys.signing.verifies.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(some_claims())}"
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).rstrip(b"=")

    with pytest.raises(jwt.InvalidTokenError):
        tokens.verify(f"{signed}.{signature.decode()}", keys)


@pytest.mark.parametrize("missing", ["exp", "userid", "apip"])
def test_a_token_that_lacks_a_claim_is_refused(keys, missing):
    claims = {name: value for name, value in some_claims().items() if name != missing}

    with pytest.raises(jwt.InvalidTokenError):
        tokens.verify(tokens.sign(claims, keys), keys)


@pytest.mark.parametrize(("old", "new"), [(OLD, NEW), (OLD, an_rsa_key()), (an_rsa_key(), NEW)])
def test_during_a_rotation_the_newest_key_signs_and_both_are_accepted(old, new):
    before = tokens.read_keys(old, {})
    during = tokens.read_keys(new, {"previous_key": old})
    after = tokens.read_keys(new, {})
    claims = some_claims()  # once: a second may end between two
    old_token, new_token = tokens.sign(claims, before), tokens.sign(claims, during)

    assert tokens.verify(old_token, during) == tokens.verify(new_token, during)
    assert tokens.verify(new_token, after)
    with pytest.raises(jwt.InvalidTokenError):
        tokens.verify(old_token, after)


def test_a_pem_key_may_be_written_in_one_line():
    in_one_line = tokens.read_keys(an_rsa_key().replace("\n", "\\n"), {})

    assert tokens.verify(tokens.sign(some_claims(), in_one_line), tokens.read_keys(an_rsa_key(), {}))


@pytest.mark.parametrize(
    ("password", "extra", "said"),
    [
        (None, {}, "no key"),
        ("", {}, "no key"),
        ("short-secret", {}, "12 bytes"),
        (NEW, {"previous_key": "short"}, "previous_key"),
        ("-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----", {}, "openssl genrsa"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), {}, "RSA key"),
        (an_rsa_key(1024), {}, "2048 bits"),
        (NEW, {"lifetime_seconds": 0}, "lifetime_seconds"),
        (NEW, {"lifetime_seconds": "300"}, "lifetime_seconds"),
    ],
)
def test_a_key_that_is_missing_weak_or_unreadable_is_refused_without_being_shown(password, extra, said):
    with pytest.raises(ConfigurationError, match=said) as refused:
        tokens.read_keys(password, extra)

    assert "tucano_jwt" in str(refused.value)
    assert not password or password not in str(refused.value)


def test_no_key_is_shown_by_its_repr(keys):
    assert NEW not in repr(keys)
    assert "PRIVATE" not in repr(keys)


def test_identifiers_are_marked_alike_only_where_they_are_alike_and_under_the_same_key():
    def mark(value, kind=IdentifierKind.SUBSCRIPTION, secret=NEW):
        return tokens.mark(Identifier(kind=kind, value=value), tokens.read_keys(secret, {}))

    assert mark("S1") == mark("S1")
    assert len({mark("S1"), mark("S2"), mark("S1", IdentifierKind.ACCESS_TOKEN), mark("S1", secret=OLD)}) == 4
    assert b"S1" not in mark("S1")


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def test_a_pass_code_matches_its_own_hash_and_no_other():
    stored = CHEAP.hash("000309")

    assert pass_codes.matches("000309", stored)
    assert not pass_codes.matches("000308", stored)


def test_a_decoy_costs_what_the_stored_hashes_cost_and_nothing_matches_it():
    decoy = pass_codes.decoy(CHEAP.hash("000309"))

    assert decoy.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert not pass_codes.matches("000309", decoy)
    assert pass_codes.decoy(None).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_hash_of_another_kind_says_what_the_contract_wants():
    with pytest.raises(SourceError, match="Argon2"):
        pass_codes.matches("000309", "5f4dcc3b5aa765d61d8327deb882cf99")
