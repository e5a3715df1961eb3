"""The settings of a secure broker: what may be said under `security:`, and what must be said together."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Security(BaseModel):
    """How Kafka is spoken to. The password is no setting: `password_file` names the file it lies in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: Literal["plaintext", "tls", "sasl_tls", "sasl_plaintext"] = "plaintext"
    insecure: bool = False  # says in so many words that a password may cross the network in the clear
    ca_file: Path | None = None  # whom to trust; none: those whom the system trusts
    cert_file: Path | None = None  # our own certificate, where the brokers ask for one
    key_file: Path | None = None
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password_file: Path | None = None

    @property
    def is_tls(self) -> bool:
        """Whether all that is said is encrypted."""
        return self.protocol in ("tls", "sasl_tls")

    @property
    def is_sasl(self) -> bool:
        """Whether we show a name and a password."""
        return self.protocol in ("sasl_tls", "sasl_plaintext")

    @model_validator(mode="before")
    @classmethod
    def _no_password(cls, value: object) -> object:
        if isinstance(value, dict) and "password" in value:
            raise ValueError("a password does not belong into settings: password_file names the file it lies in")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        """Refuse what would be ignored, which is how TLS that was asked for ends up as none."""
        if self.protocol == "sasl_plaintext" and not self.insecure:
            raise ValueError(
                "sasl_plaintext sends the password in the clear: use sasl_tls, or say insecure: true as well"
            )
        if self.is_sasl and (not self.username or self.password_file is None):
            raise ValueError(f"{self.protocol} needs username and password_file")
        if not self.is_sasl and (self.username is not None or self.password_file is not None):
            raise ValueError(f"username and password_file go unused with protocol {self.protocol}: use sasl_tls")
        tls_files = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        unused = [name for name, path in tls_files.items() if path is not None and not self.is_tls]
        if unused:
            raise ValueError(f"{', '.join(unused)} would go unused with protocol {self.protocol}: use tls or sasl_tls")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        return self
