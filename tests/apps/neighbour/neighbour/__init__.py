"""An app beside ours for the tests: it hooks into "WhatsApp Message" as Frappe CRM does, and can be told to break."""

__version__ = "0.0.1"
