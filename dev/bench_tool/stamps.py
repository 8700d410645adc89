"""What is out of date: a step of the build is done again when the digest of what it is made from has changed.

The stamp of a step is taken away before the step starts and written after its end, so a step that was interrupted is
done again."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

IGNORED = {"node_modules", "dist", "__pycache__", ".git"}


def digest(*parts: str | Path) -> str:
	"""A digest of texts, of files' contents and of folders' whole contents (names count too)."""
	result = hashlib.sha256()
	for part in parts:
		if isinstance(part, str):
			result.update(b"text:" + part.encode())
			continue
		for file in [part] if part.is_file() else tree(part):
			name = file.relative_to(part) if file != part else file.name
			result.update(f"file:{name}:".encode())
			result.update(file.read_bytes())
		result.update(b"\0")
	return result.hexdigest()[:32]


def tree(folder: Path, suffixes: Iterable[str] = ()) -> list[Path]:
	"""The files below a folder in a fixed order, without what is built or installed; only those with one of the
	suffixes, if some are given."""
	wanted = tuple(suffixes)
	return sorted(
		file
		for file in folder.rglob("*")
		if file.is_file()
		and not IGNORED.intersection(file.relative_to(folder).parts)
		and (not wanted or file.name.endswith(wanted))
	)


class Stamps:
	"""The digests from which each step was last done, one small file a step."""

	def __init__(self, folder: Path) -> None:
		self.folder = folder

	def is_current(self, name: str, value: str) -> bool:
		file = self.folder / name
		return file.exists() and file.read_text() == value

	def exists(self, name: str) -> bool:
		return (self.folder / name).exists()

	def forget(self, *names: str) -> None:
		for name in names:
			(self.folder / name).unlink(missing_ok=True)

	def remember(self, name: str, value: str) -> None:
		self.folder.mkdir(parents=True, exist_ok=True)
		new = self.folder / f"{name}.new"
		new.write_text(value)
		new.replace(self.folder / name)

	@contextmanager
	def renewing(self, name: str, value: str) -> Iterator[None]:
		"""Wraps the work of a step: the stamp stands only if the work came to its end."""
		self.forget(name)
		yield
		self.remember(name, value)
