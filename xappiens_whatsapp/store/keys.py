"""Identity of rows.

MariaDB's collation takes `ABC` and `abc`, `josé` and `jose`, two different emoji and trailing blanks for equal. Uniqueness
is therefore never on an id itself but on `key_hash`, a digest of the exact id.
"""

from __future__ import annotations

import hashlib

NAME_LENGTH = 20
HASH_LENGTH = 40


def key_hash(*parts: str) -> str:
	"""The digest of an exact key.

	Args:
		parts: what makes the key, for example the session's name and a JID.

	Returns:
		40 hex characters.
	"""
	# Each part is preceded by its length, so that no two keys can run together into one.
	exact = "".join(f"{len(part)}:{part}" for part in parts)
	return hashlib.sha256(exact.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]


def name_of(hash_: str) -> str:
	"""The name of the document with this `key_hash`. Names say nothing: Frappe sends them to whole DocType rooms."""
	return hash_[:NAME_LENGTH]
