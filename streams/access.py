"""How every client of ours is let in by Kafka: the one place where TLS and passwords become client arguments.

A client that is given half of them falls back to plaintext in silence, so what leaves here is checked: where TLS was
asked for, the arguments say so, with a context that verifies certificate and host name. Passwords are in no repr.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faust.types.auth import CredentialsT

    from streams.security import Security

_TRY_S = 5.0
_FAREWELL_S = 0.05  # aiokafka closes a TLS connection without waiting for the peer's good-bye


class AccessRefused(ConnectionError):
    """A broker answers and will not let us in, or not as safely as was asked. One line, without the password."""


class PlaintextError(RuntimeError):
    """Arguments that would speak plaintext although TLS was asked for: our bug, or a library that changed."""


class Secret(str):
    """Text that is not shown where its owner is: kafka-python logs its whole configuration.

    >>> {"password": Secret("xyzzy")}, Secret("xyzzy") == "xyzzy"
    ({'password': ***}, True)
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Access:
    """What lets us in. Without arguments: an open broker, in the clear."""

    tls: ssl.SSLContext | None = field(default=None, repr=False)
    mechanism: str | None = None  # of SASL; None shows no password
    username: str = ""
    password: Secret = field(default=Secret(), repr=False)

    @property
    def protocol(self) -> str:
        """Name the protocol as Kafka does.

        >>> Access().protocol, Access(mechanism="PLAIN").protocol
        ('PLAINTEXT', 'SASL_PLAINTEXT')
        """
        if self.mechanism is None:
            return "PLAINTEXT" if self.tls is None else "SSL"
        return "SASL_PLAINTEXT" if self.tls is None else "SASL_SSL"

    def arguments(self) -> dict[str, Any]:
        """Give the arguments that aiokafka and kafka-python both take."""
        arguments: dict[str, Any] = {"security_protocol": self.protocol}
        if self.tls is not None:
            arguments["ssl_context"] = self.tls
        if self.mechanism is not None:
            arguments["sasl_mechanism"] = self.mechanism
            arguments["sasl_plain_username"] = self.username
            arguments["sasl_plain_password"] = self.password
        self.check(arguments)
        return arguments

    def credentials(self) -> CredentialsT | None:
        """Give Faust's form of the same; None for an open broker. Raise PlaintextError if Faust would drop the TLS."""
        import faust
        from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

        made: CredentialsT | None = None
        if self.mechanism is not None:
            made = faust.SASLCredentials(
                username=self.username,
                password=self.password,
                ssl_context=self.tls,  # in here: Faust ignores its setting of this name where there are credentials
                mechanism=self.mechanism,
            )
        elif self.tls is not None:
            made = faust.SSLCredentials(self.tls)
        self.check(credentials_to_aiokafka_auth(made, None))
        return made

    def check(self, arguments: Any) -> None:
        """Raise PlaintextError unless these arguments of a client are as safe as was asked."""
        spoken, context = arguments.get("security_protocol"), arguments.get("ssl_context")
        if spoken != self.protocol or context is not self.tls:
            raise PlaintextError(f"a Kafka client would speak {spoken}, not {self.protocol}")
        if self.tls is not None and not (self.tls.verify_mode is ssl.CERT_REQUIRED and self.tls.check_hostname):
            raise PlaintextError("a Kafka client would trust any certificate")


OPEN = Access()
"""To a broker that lets everybody in, in the clear."""


def access_of(security: Security) -> Access:
    """Read the files that the settings name. Raise SettingsError naming what is wrong with one of them."""
    from streams.settings import secret_of

    return Access(
        tls=_context(security) if security.is_tls else None,
        mechanism=security.mechanism if security.is_sasl else None,
        username=security.username or "",
        password=Secret(secret_of(security.password_file) if security.password_file else ""),
    )


def _context(security: Security) -> ssl.SSLContext:
    from streams.settings import SettingsError, secret_of

    try:
        context = ssl.create_default_context(cafile=security.ca_file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{security.ca_file}: no certificate to trust: {_said(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if security.cert_file is not None and security.key_file is not None:
        secret_of(security.key_file)  # others must not be able to read it
        try:
            context.load_cert_chain(security.cert_file, security.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            where = f"{security.cert_file}, {security.key_file}"
            raise SettingsError(f"{where}: not a certificate and its key: {_said(error)}") from error
    return context


def _no_password() -> str:
    """Answer OpenSSL, which would ask on the terminal for the password of a key that is encrypted."""
    raise ValueError("the key is encrypted; the file's mode protects it: store it decrypted")


def _said(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.lower().split()) if isinstance(error, OSError) else text


def knock(access: Access, brokers: Iterable[str]) -> None:
    """Try to be let in by one of `brokers` (HOST:PORT). Raise AccessRefused, saying why, if one answers and none does.

    Where none answers this returns: clients wait for brokers that are starting, but a wrong password stays wrong, and
    they would try it again and again without a word.
    """

    async def try_and_part() -> None:
        try:
            await _knock(access, list(brokers))
        finally:
            await asyncio.sleep(_FAREWELL_S)

    asyncio.run(try_and_part())


async def _knock(access: Access, brokers: list[str]) -> None:
    from aiokafka.conn import create_conn
    from aiokafka.errors import KafkaError

    refusals: list[str] = []
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        try:
            async with asyncio.timeout(_TRY_S):
                connection = await create_conn(
                    host.strip("[]"), int(port), request_timeout_ms=round(_TRY_S * 1000), **access.arguments()
                )
        except (OSError, KafkaError, TimeoutError) as reason:
            why = _why(access, reason)
            if why is not None:
                refusals.append(f"{broker} {why}")
        else:
            connection.close()
            return
    if refusals:
        raise AccessRefused("; ".join(refusals))


def _why(access: Access, reason: Exception) -> str | None:
    """Say why a broker that answers does not let us in; None if it does not answer."""
    from aiokafka import errors

    if isinstance(reason, errors.SaslAuthenticationFailed):
        return f"refuses the user {access.username!r}: wrong name or password ({access.mechanism})"
    if isinstance(reason, errors.UnsupportedSaslMechanismError):
        return f"does not take {access.mechanism}: another security.mechanism is needed"
    if isinstance(reason, errors.IllegalSaslStateError):
        return "asks for no name and password at this port: security.protocol is tls or plaintext there"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"shows a certificate that is not trusted: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError):
        return f"does not agree on TLS: {reason.reason or reason}"
    if access.tls is not None and isinstance(reason, ConnectionResetError):
        return "does not speak TLS at this port, and TLS was asked for"
    if access.tls is None and isinstance(reason, errors.KafkaConnectionError):
        return "closes the connection at once: it may ask for TLS or a password (settings: security)"
    return None
