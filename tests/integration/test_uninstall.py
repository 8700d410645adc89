"""What the app leaves behind on a site from which it is taken."""

import frappe
import pytest

from support import factories
from xappiens_whatsapp import install


def left_behind() -> dict[str, int]:
	return {
		"settings": frappe.db.count("Singles", {"doctype": "WhatsApp Settings"}),
		"secrets": len(frappe.db.sql("SELECT 1 FROM `__Auth` WHERE doctype = 'WhatsApp Settings'")),
		"jobs": frappe.db.count("Scheduled Job Type", {"method": ("like", "xappiens_whatsapp.%")}),
		"log settings": frappe.db.count("Logs To Clear", {"ref_doctype": ("like", "WhatsApp%")}),
	}


@pytest.mark.leaves("Logs To Clear")
def test_uninstalled_app_leaves_neither_settings_nor_secrets_nor_jobs(
	monkeypatch: pytest.MonkeyPatch,
) -> None:
	factories.set_up()
	assert all(left_behind().values())
	monkeypatch.setattr(frappe, "get_installed_apps", lambda: ["frappe"])

	install.after_uninstall()

	assert not any(left_behind().values())


def test_dry_run_of_the_uninstallation_takes_nothing_away() -> None:
	factories.set_up()
	before = left_behind()

	install.after_uninstall()  # Frappe calls it in a dry run too; the app is still installed then

	assert left_behind() == before
