"""What happens when the app is installed on a site."""

from __future__ import annotations

import frappe
from frappe import _

from xappiens_whatsapp.hooks import default_log_clearing_doctypes

APP = "xappiens_whatsapp"
MODULE = "Xappiens Whatsapp"
DOCTYPES = (
	"WhatsApp Settings",
	"WhatsApp Session",
	"WhatsApp Session User",
	"WhatsApp Contact",
	"WhatsApp Conversation",
	"WhatsApp Message",
	"WhatsApp Message Reaction",
	"WhatsApp Webhook Event",
	"WhatsApp Sync Run",
)
ROLES = ("WhatsApp Manager", "WhatsApp User")


def before_install() -> None:
	"""Stop, with nothing touched, if another app already owns a DocType of ours.

	Raises:
		frappe.ValidationError: names the DocTypes and the app that has them.
	"""
	taken = frappe.get_all("DocType", filters={"name": ("in", DOCTYPES)}, fields=["name", "module"])
	foreign = [row for row in taken if row.module != MODULE]
	if not foreign:
		return

	owners = dict(frappe.get_all("Module Def", fields=["name", "app_name"], as_list=True))
	apps = sorted({owners.get(row.module) or row.module for row in foreign})
	frappe.throw(
		_(
			"xappiens_whatsapp cannot be installed: {0} already exists on this site and belongs to {1}. Uninstall {1} first, "
			"or install xappiens_whatsapp on another site. Nothing was changed."
		).format(", ".join(sorted(row.name for row in foreign)), ", ".join(apps)),
		title=_("Another WhatsApp App Is Installed"),
	)


def after_install() -> None:
	"""Make the roles and let Log Settings clear old webhook events and sync runs."""
	for role in ROLES:
		if not frappe.db.exists("Role", role):
			frappe.get_doc(doctype="Role", role_name=role, desk_access=1).insert(ignore_permissions=True)

	log_settings = frappe.get_single("Log Settings")
	for doctype, days in default_log_clearing_doctypes.items():
		log_settings.register_doctype(doctype, days=days)
	log_settings.save(ignore_permissions=True)


def after_uninstall() -> None:
	"""Take away what Frappe leaves behind: the settings with their secrets, the minute job, the row in Log Settings.

	The roles stay, since somebody may have given them rights elsewhere.
	"""
	if APP in frappe.get_installed_apps():
		return  # `uninstall-app --dry-run` calls this hook too
	frappe.db.delete("Singles", {"doctype": ("in", DOCTYPES)})
	frappe.db.delete("__Auth", {"doctype": ("in", DOCTYPES)})
	frappe.db.delete("Scheduled Job Type", {"method": ("like", f"{APP}.%")})
	frappe.db.delete("Logs To Clear", {"ref_doctype": ("in", DOCTYPES)})
	frappe.db.commit()  # Frappe has committed the rest already, and does not do it again
