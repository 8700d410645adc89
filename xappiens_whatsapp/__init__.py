"""WhatsApp in the Frappe CRM through Inbox Hub."""

__version__ = "0.1.0"
