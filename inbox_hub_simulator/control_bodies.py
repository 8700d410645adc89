"""Bodies of the control API's calls."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from .answers import iso


class Strict(BaseModel):
	"""A misspelled field is an error, not a silent nothing."""

	model_config = ConfigDict(extra="forbid")


class OfSession(Strict):
	session: str


class NewSession(OfSession):
	name: str | None = None
	connected: bool = True
	phone: str | None = None


class Incoming(OfSession):
	"""`chat` and `sender` are JIDs or numbers; several messages get a number behind their text."""

	chat: str | None = None
	text: str | None = None
	type: str = "text"
	sender: str | None = None
	count: int = Field(1, ge=1, le=100_000)
	as_group: bool = False
	push_name: str | None = None
	media: dict[str, Any] | None = None
	location: dict[str, Any] | None = None
	quoted: str | None = None
	message_id: str | None = None
	timestamp_ms: int | None = None
	webhook: bool = True


class PhoneMessage(OfSession):
	chat: str | None = None
	text: str = "Escrito en el teléfono 📱"
	type: str = "text"
	media: dict[str, Any] | None = None
	message_id: str | None = None
	timestamp_ms: int | None = None
	webhook: bool = True


class Receipt(OfSession):
	message_id: str
	status: str | None = None
	ack: int | None = None
	error: str = ""
	chat: str | None = None


class Reaction(OfSession):
	message_id: str
	emoji: str = "👍"
	sender: str | None = None
	chat: str | None = None
	from_me: bool = True


class Scan(OfSession):
	phone: str | None = None


class Disconnect(OfSession):
	reason: str = "logout"
	reconnect_after: float | None = None


class ContactFields(OfSession):
	contact_id: str
	name: str | None = None
	notify: str | None = None
	verified_name: str | None = None
	image_url: str | None = None
	about: str | None = None
	webhook: bool = True

	def changes(self) -> dict[str, Any]:
		"""What was said about the contact."""
		return self.model_dump(exclude={"session", "contact_id", "webhook"}, exclude_unset=True)


class Archive(OfSession):
	chat: str
	archived: bool = True


class RawEvent(OfSession):
	"""`body` is posted as it is (an object as JSON, a text byte for byte); `data` is wrapped as `family` does."""

	event: str
	data: Any = None
	body: Any = None
	family: str = Field("v1", pattern="^v[1-5]$")
	headers: dict[str, str] | None = None
	attempts: int | None = None

	def wrapped(self, instant_ms: int) -> dict[str, Any]:
		"""`data` in the family's envelope."""
		data = self.data if isinstance(self.data, dict) else {}
		if self.family == "v2":
			return {"event": self.event, "data": {"sessionId": self.session, **data}}
		if self.family == "v4":
			return {
				"event": self.event,
				"sessionId": self.session,
				"timestamp": iso(instant_ms),
				**data,
			}
		if self.family == "v5":
			return {"sessionId": self.session, "payload": self.data}
		return {
			"event": self.event,
			"sessionId": self.session,
			"timestamp": iso(instant_ms),
			"data": self.data,
		}


class Release(Strict):
	copies_from: int = Field(1, ge=1)
	copies_to: int = Field(1, ge=1)
	shuffle: bool = False
	connections: int = Field(1, ge=1, le=64)
	attempts: int = Field(3, ge=1)
	delay_ms: int = Field(200, ge=0)
	seed: int = 1
