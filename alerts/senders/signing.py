"""What vouches for a post of ours, and names it: receivers refuse strangers and old posts, and know a repeat."""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE_HEADER = "X-Tocsin-Signature"
TIMESTAMP_HEADER = "X-Tocsin-Timestamp"


def signed(secret: bytes, now_ms: int, body: bytes, key: str) -> dict[str, str]:
    """Give the headers that name a telling and, where there is a secret, vouch for it."""
    timestamp = str(now_ms // 1000)
    headers = {"Idempotency-Key": key, TIMESTAMP_HEADER: timestamp}
    return headers | {SIGNATURE_HEADER: sign(secret, timestamp, body)} if secret else headers


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Sign a body as sent at `timestamp` (Unix seconds, as in its header).

    >>> sign(b"key", "1772356830", b"{}")[:23]
    'sha256=d7d2b58e73c86461'
    """
    signature = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return "sha256=" + signature.hexdigest()
