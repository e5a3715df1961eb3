"""Keys and certificates for a TLS listener on loopback, made by openssl for one test run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.parts import program


@dataclass(frozen=True, slots=True)
class Keys:
    """A certificate authority, a server of 127.0.0.1 and a client, all in one folder (PEM)."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate that clients trust."""
        return self.folder / "authority.pem"

    @property
    def client(self) -> Path:
        """The certificate of the client."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """The key of the client."""
        return self.folder / "client.key"

    def listener(self, protocol: str) -> dict[str, str]:
        """Give the broker settings for a TLS listener with these keys."""
        whole = self.folder / "server-whole.pem"
        whole.write_text((self.folder / "server.key").read_text() + (self.folder / "server.pem").read_text())
        prefix = f"listener.name.{protocol.lower()}."
        return {
            f"{prefix}ssl.keystore.type": "PEM",
            f"{prefix}ssl.keystore.location": str(whole),
            f"{prefix}ssl.truststore.type": "PEM",
            f"{prefix}ssl.truststore.location": str(self.authority),
        }


def make_keys(folder: Path) -> Keys:
    """Make keys that are good for a day. Raises scripts.parts.Missing without openssl."""
    _openssl(folder, "req -x509 -nodes -days 1 -subj /CN=authority -keyout authority.key -out authority.pem",
             "-newkey", "rsa:2048")  # fmt: skip
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        _openssl(folder, f"req -nodes -newkey rsa:2048 -subj /CN={name} -keyout {name}.key -out {name}.csr")
        _openssl(folder, f"x509 -req -days 1 -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial",
                 "-extfile", "names", "-out", f"{name}.pem")  # fmt: skip
    return Keys(folder)


def _openssl(folder: Path, command: str, *more: str) -> None:
    subprocess.run([program("openssl"), *command.split(), *more], cwd=folder, check=True, capture_output=True)
