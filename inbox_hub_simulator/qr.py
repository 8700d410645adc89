"""QR codes as the Hub shows them: a PNG as data URL, with content like WhatsApp's."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

import segno


def qr_data_url(session_id: str, serial: int) -> str:
	"""The n-th QR of a session. It shows well on a page and links nothing."""
	parts = [
		b64encode(sha256(f"{session_id}:{serial}:{part}".encode()).digest()).decode() for part in range(3)
	]
	code: str = segno.make(f"2@{','.join(parts)}", error="l").png_data_uri(scale=6, border=4)
	return code
