"""What lets us in: TLS that was asked for cannot be lost on the way, and a password is shown nowhere."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import pytest
from pydantic import ValidationError

from scripts.parts import Missing
from streams.access import Access, AccessRefused, PlaintextError, Secret, access_of, knock
from streams.security import Security
from streams.sending import parse_brokers
from streams.settings import SettingsError, bootstrap_of
from streams.settingsfile import read_settings
from tests.parts.keys import Keys, make_keys

SASL = {"username": "ann", "password_file": "p"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    try:
        made = make_keys(tmp_path_factory.mktemp("keys"))
    except Missing as missing:
        pytest.skip(str(missing))
    made.client_key.chmod(0o600)
    return made


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.touch(0o600)
    path.write_text("xyzzy-42\n")
    return path


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"protocol": "sasl_plaintext", **SASL}, "sends the password in the clear", id="SASL without TLS"),
        pytest.param({"protocol": "sasl_tls"}, "needs username and password_file", id="nobody named"),
        pytest.param({"protocol": "sasl_tls", "username": "ann"}, "needs username and password_file", id="no password"),
        pytest.param({"protocol": "tls", **SASL}, "go unused with protocol tls", id="a password without SASL"),
        pytest.param({"ca_file": "ca"}, "ca_file would go unused with protocol plaintext", id="TLS files, no TLS"),
        pytest.param({"protocol": "tls", "cert_file": "c"}, "cert_file and key_file go together", id="half a pair"),
        pytest.param({"protocol": "tls", "password": "x"}, "password_file names the file", id="a password in here"),
        pytest.param({"protocol": "ssl"}, "Input should be", id="another word"),
        pytest.param({"protocol": "sasl_tls", **SASL, "mechanism": "GSSAPI"}, "Input should be", id="mechanism"),
        pytest.param({"protocol": "tls", "verify": False}, "Extra inputs", id="no way round verification"),
    ],
)
def test_what_does_not_fit_together_is_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Security(**given)


def test_the_clear_must_be_asked_for_in_so_many_words(password: Path) -> None:
    security = Security(protocol="sasl_plaintext", insecure=True, username="ann", password_file=password)
    assert access_of(security).protocol == "SASL_PLAINTEXT"


def test_every_client_is_given_the_same(keys: Keys, password: Path) -> None:
    access = access_of(
        Security(
            protocol="sasl_tls",
            ca_file=keys.authority,
            cert_file=keys.client,
            key_file=keys.client_key,
            mechanism="SCRAM-SHA-256",
            username="ann",
            password_file=password,
        )
    )
    arguments = access.arguments()
    context = arguments.pop("ssl_context")
    assert arguments == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "xyzzy-42",
    }
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    credentials = access.credentials()
    assert isinstance(credentials, faust.SASLCredentials)
    assert (credentials.protocol.value, credentials.ssl_context) == ("SASL_SSL", context)


def test_tls_without_a_password(keys: Keys) -> None:
    access = access_of(Security(protocol="tls", ca_file=keys.authority))
    assert access.arguments().keys() == {"security_protocol", "ssl_context"}
    credentials = access.credentials()
    assert isinstance(credentials, faust.SSLCredentials)
    assert credentials.context is access.tls


def test_an_open_broker_needs_nothing() -> None:
    assert Access().arguments() == {"security_protocol": "PLAINTEXT"}
    assert Access().credentials() is None


LOST: dict[str, dict[str, Any]] = {
    "another protocol": {"security_protocol": "SASL_PLAINTEXT", "sasl_plain_password": "xyzzy-42"},
    "no context": {"security_protocol": "SASL_SSL"},
    "another context": {"security_protocol": "SASL_SSL", "ssl_context": ssl.create_default_context()},
    "nothing": {},
}


@pytest.mark.parametrize("arguments", LOST.values(), ids=LOST)
def test_arguments_that_lost_their_tls_are_caught(arguments: dict[str, Any]) -> None:
    access = Access(ssl.create_default_context(), "PLAIN", "ann", Secret("xyzzy-42"))
    with pytest.raises(PlaintextError, match="would speak"):
        access.check(arguments)


def test_a_context_that_trusts_anybody_is_caught() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(PlaintextError, match="would trust any certificate"):
        Access(context).arguments()


def test_faust_is_caught_dropping_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(faust.SASLCredentials):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**{**kwargs, "ssl_context": None})

    monkeypatch.setattr("faust.SASLCredentials", Careless)
    with pytest.raises(PlaintextError, match="would speak SASL_PLAINTEXT, not SASL_SSL"):
        Access(ssl.create_default_context(), "PLAIN", "ann", Secret("xyzzy-42")).credentials()


def test_no_repr_shows_the_password(password: Path) -> None:
    access = access_of(Security(protocol="sasl_tls", username="ann", password_file=password))
    assert access.password == "xyzzy-42"  # noqa: S105  this test's own
    shown = f"{access!r} {access} {access.credentials()!r} {access.arguments()} {access.arguments()!r}"
    assert "xyzzy-42" not in shown
    assert "ann" in shown


@pytest.mark.parametrize(
    ("file", "said"),
    [("ca_file", "no certificate to trust: "), ("key_file", "not a certificate and its key: ")],
)
def test_files_that_are_not_what_they_should_be(keys: Keys, password: Path, file: str, said: str) -> None:
    files = {"ca_file": keys.authority, "cert_file": keys.client, "key_file": keys.client_key, file: password}
    with pytest.raises(SettingsError, match=said) as refused:
        access_of(Security(protocol="tls", **files))
    assert str(password) in str(refused.value)
    assert "xyzzy" not in str(refused.value)


def test_a_key_that_others_may_read_is_refused(keys: Keys, tmp_path: Path) -> None:
    key = tmp_path / "client.key"
    key.write_bytes(keys.client_key.read_bytes())
    key.chmod(0o644)
    with pytest.raises(SettingsError, match="others may read this secret"):
        access_of(Security(protocol="tls", cert_file=keys.client, key_file=key))


@pytest.mark.parametrize("read", [bootstrap_of, parse_brokers])
def test_an_address_with_a_password_is_refused_and_not_repeated(read: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match="holds no user and password") as refused:
        read("kafka://ann:xyzzy@broker:9092")
    assert "xyzzy" not in str(refused.value)


def test_what_is_wrong_is_said_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text("security:\n  protocol: tls\n  certfile: x\n")
    with pytest.raises(SettingsError) as refused:
        read_settings(path, {})
    assert f'{path}:3:3: security.certfile: unknown key "certfile"' in str(refused.value)
    assert "cert_file" in str(refused.value)
    path.write_text("security:\n  password: xyzzy\n")
    with pytest.raises(SettingsError, match="password_file names the file") as refused:
        read_settings(path, {})
    assert "xyzzy" not in str(refused.value)


def test_nobody_there_is_not_a_refusal() -> None:
    knock(Access(), ["127.0.0.1:1"])
    assert issubclass(AccessRefused, ConnectionError)


def test_what_systemd_keeps_for_us_alone_may_look_open(
    keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives the service's user access by an access list, which shows in the bits of the group."""
    path = tmp_path / "kafka-password"
    path.write_text("xyzzy-42")
    path.chmod(0o440)
    security = Security(protocol="sasl_tls", ca_file=keys.authority, username="ann", password_file=path)
    with pytest.raises(SettingsError, match="others may read this secret"):
        access_of(security)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert access_of(security).password == "xyzzy-42"  # noqa: S105  this test's own
