"""How this site reaches Inbox Hub, and how Inbox Hub reaches this site."""

import re
from urllib.parse import urlsplit

import frappe
from frappe import _
from frappe.model.document import Document
from frappe.utils import cint, get_url

WEBHOOK_PATH = "/api/method/xappiens_whatsapp.api.webhook.handle_webhook"
SECRET_LENGTH = (16, 255)  # what Inbox Hub accepts (docs/hub.md)
RANGES = {
	"api_timeout": (1, 300),
	"api_retry_attempts": (0, 10),
	"sync_interval": (1, 1440),
	"sync_recent_chats": (0, 1000),
	"sync_messages_per_chat": (1, 1000),
}


class WhatsAppSettings(Document):
	# begin: auto-generated types
	# This code is auto-generated. Do not modify anything in this block.

	from typing import TYPE_CHECKING

	if TYPE_CHECKING:
		from frappe.types import DF

		api_base_url: DF.Data | None
		api_email: DF.Data | None
		api_key: DF.Password | None
		api_password: DF.Password | None
		api_retry_attempts: DF.Int
		api_timeout: DF.Int
		auto_sync_enabled: DF.Check
		enabled: DF.Check
		organization_id: DF.Int
		recipient_format: DF.Literal["Digits", "JID"]
		sync_interval: DF.Int
		sync_messages_per_chat: DF.Int
		sync_recent_chats: DF.Int
		webhook_registered_at: DF.Datetime | None
		webhook_secret: DF.Password | None
		webhook_secret_previous: DF.Password | None
		webhook_secret_previous_until: DF.Datetime | None
		webhook_url: DF.Data | None
		webhook_url_override: DF.Data | None
		webhook_user: DF.Link | None
		webhook_verification_disabled: DF.Check

	# end: auto-generated types
	def validate(self) -> None:
		self.validate_base_url()
		self.validate_credentials()
		self.validate_ranges()
		self.validate_secrets()
		self.set_webhook_url()

	def validate_base_url(self) -> None:
		self.api_base_url = (self.api_base_url or "").strip().rstrip("/")
		if not self.api_base_url:
			if self.enabled:
				self.refuse(
					"api_base_url", _("is empty. Enter the address of Inbox Hub, or switch Enabled off.")
				)
			return

		remedy = _("Enter it like https://inbox-hub.example, with nothing behind the host but a plain path.")
		try:
			url = urlsplit(self.api_base_url)
			port_is_valid = url.port is None or url.port > 0
		except ValueError:
			self.refuse("api_base_url", _("is not an address."), remedy)
		if url.scheme not in ("http", "https"):
			self.refuse("api_base_url", _("must begin with https:// or http://."), remedy)
		if not port_is_valid or not re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]", host_of(url.netloc)):
			# Also refuses user:password@host, with which a key could be sent to a host nobody meant.
			self.refuse("api_base_url", _("has no valid host."), remedy)
		if "?" in self.api_base_url or "#" in self.api_base_url:
			self.refuse("api_base_url", _("must not contain ? or #."), remedy)
		if url.path and not re.fullmatch(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)*", url.path):
			self.refuse("api_base_url", _("has a path that is not plain."), remedy)
		if re.search(r"/api$", url.path):
			self.refuse("api_base_url", _("must not end in /api, which is added to each call."), remedy)

	def validate_credentials(self) -> None:
		self.api_email = (self.api_email or "").strip()
		if self.api_email and not self.api_password:
			self.refuse(
				"api_password", _("is empty. Enter the password of the API Email, or clear the API Email.")
			)
		if self.api_password and not self.api_email:
			self.refuse(
				"api_email", _("is empty. Enter the e-mail of the API Password, or clear the API Password.")
			)

	def validate_ranges(self) -> None:
		for fieldname, (least, most) in RANGES.items():
			if not least <= cint(self.get(fieldname)) <= most:
				self.refuse(
					fieldname,
					_("must be from {0} to {1}. It is {2}.").format(least, most, self.get(fieldname)),
				)

	def validate_secrets(self) -> None:
		least, most = SECRET_LENGTH
		for fieldname in ("webhook_secret", "webhook_secret_previous"):
			secret = self.get(fieldname) or ""
			if secret and not self.is_dummy_password(secret) and not least <= len(secret) <= most:
				self.refuse(
					fieldname,
					_(
						"must have {0} to {1} characters. Choose a longer random one, the same at Inbox Hub."
					).format(least, most),
				)
		if self.webhook_secret_previous and not self.webhook_secret_previous_until:
			self.refuse(
				"webhook_secret_previous_until",
				_("is empty. Say until when the previous secret is accepted."),
			)

	def set_webhook_url(self) -> None:
		self.webhook_url_override = (self.webhook_url_override or "").strip()
		if self.webhook_url_override and urlsplit(self.webhook_url_override).scheme not in ("http", "https"):
			self.refuse(
				"webhook_url_override", _("must begin with https:// or http://. Enter the whole address.")
			)
		self.webhook_url = self.webhook_url_override or get_url(WEBHOOK_PATH)

	def refuse(self, fieldname: str, *sentences: str) -> None:
		"""Raise `frappe.ValidationError` that names the field and the remedy."""
		label = _(self.meta.get_label(fieldname))
		frappe.throw(f"{frappe.bold(label)} {' '.join(sentences)}", title=_("WhatsApp Settings"))


def host_of(netloc: str) -> str:
	"""`host` of `host:port`. User and password stay in it, so that they can be refused."""
	return re.sub(r":[0-9]*$", "", netloc)
