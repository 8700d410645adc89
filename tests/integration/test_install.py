"""The app comes onto a site, stays the same through migrations, and goes, leaving what was there before."""

from __future__ import annotations

from collections.abc import Iterator

import frappe
import pytest

from support import bench
from support.scratch import ScratchSite, scratch_site
from xappiens_whatsapp import install


@pytest.fixture(scope="module")
def scratch() -> Iterator[ScratchSite]:
	if not bench.is_private():
		pytest.skip("a site to be spoilt is made on the private bench only")
	with scratch_site() as site:
		yield site


def own_tables() -> set[str]:
	return {table for table in frappe.db.get_tables(cached=False) if table.startswith("tabWhatsApp")}


def traces() -> dict[str, object]:
	"""Everything by which one can tell that the app is or was there."""
	return {
		"apps": frappe.get_installed_apps(),
		"tables": own_tables(),
		"doctypes": frappe.get_all("DocType", {"name": ("like", "WhatsApp%")}, ["name", "module"]),
		"modules": frappe.get_all("Module Def", {"app_name": "xappiens_whatsapp"}),
		"cleared logs": frappe.get_all("Logs To Clear", {"ref_doctype": ("like", "WhatsApp%")}),
		"jobs": frappe.get_all("Scheduled Job Type", {"method": ("like", "xappiens_whatsapp%")}),
		"settings": frappe.db.sql("SELECT field FROM tabSingles WHERE doctype LIKE 'WhatsApp%%'"),
		"secrets": frappe.db.sql("SELECT fieldname FROM __Auth WHERE doctype LIKE 'WhatsApp%%'"),
		"workspaces": frappe.get_all("Workspace", {"module": install.MODULE}),
		"permissions": frappe.get_all("Custom DocPerm", {"parent": ("like", "WhatsApp%")}),
	}


def schema() -> dict[str, object]:
	"""Tables, metadata and what the installation made, as a migration could change them."""
	owned = {"parent": ("in", install.DOCTYPES)}
	return {
		"tables": {
			table: frappe.db.sql(f"SHOW CREATE TABLE `{table}`")[0][1] for table in sorted(own_tables())
		},
		"doctypes": frappe.get_all("DocType", {"module": install.MODULE}, ["*"], order_by="name"),
		"fields": frappe.get_all("DocField", owned, ["*"], order_by="name"),
		"permissions": frappe.get_all("DocPerm", owned, ["*"], order_by="name"),
		"roles": frappe.get_all("Role", {"name": ("like", "WhatsApp%")}, ["*"], order_by="name"),
		"cleared logs": frappe.get_all("Logs To Clear", ["ref_doctype", "days"], order_by="ref_doctype"),
		"workspaces": frappe.get_all("Workspace", {"module": install.MODULE}, ["*"], order_by="name"),
	}


def reload_doctypes() -> None:
	"""As `bench reload-doctype` does, which the user's document asks for."""
	for doctype in install.DOCTYPES:
		frappe.reload_doctype(doctype, force=True)


def make_foreign_doctype() -> None:
	"""What another WhatsApp app has."""
	frappe.get_doc(
		{"doctype": "Module Def", "module_name": "Other WhatsApp", "app_name": "other_app"}
	).insert()
	frappe.get_doc(
		{
			"doctype": "DocType",
			"name": "WhatsApp Message",
			"module": "Other WhatsApp",
			"custom": 1,
			"fields": [{"fieldname": "message", "fieldtype": "Data", "label": "Message"}],
			"permissions": [{"role": "System Manager", "read": 1}],
		}
	).insert()
	frappe.get_doc({"doctype": "WhatsApp Message", "message": "of the other app"}).insert()


def remove_foreign_doctype() -> None:
	frappe.delete_doc("DocType", "WhatsApp Message", force=True)
	frappe.db.sql_ddl("DROP TABLE IF EXISTS `tabWhatsApp Message`")
	frappe.delete_doc("Module Def", "Other WhatsApp", force=True)


def test_app_comes_stays_the_same_and_goes_without_a_trace(scratch: ScratchSite) -> None:
	before = scratch.ask(traces)
	assert before["tables"] == set()
	scratch.run("install-app", "xappiens_whatsapp")
	assert scratch.ask(own_tables) == {
		f"tab{doctype}" for doctype in install.DOCTYPES if doctype != "WhatsApp Settings"
	}

	installed = scratch.ask(schema)
	assert {role.name for role in installed["roles"]} == set(install.ROLES)
	assert {row.ref_doctype: row.days for row in installed["cleared logs"]}["WhatsApp Webhook Event"] == 7
	scratch.run("migrate", "--skip-search-index")
	assert scratch.ask(schema) == installed
	scratch.ask(reload_doctypes)
	assert scratch.ask(schema)["tables"] == installed["tables"]

	scratch.run("uninstall-app", "xappiens_whatsapp", "--yes", "--no-backup")
	assert scratch.ask(traces) == before


def test_installation_beside_another_whatsapp_app_is_refused_and_changes_nothing(
	scratch: ScratchSite,
) -> None:
	scratch.ask(make_foreign_doctype)
	before = scratch.ask(traces)
	refusal = scratch.command("install-app", "xappiens_whatsapp")
	assert refusal.returncode != 0
	assert "WhatsApp Message" in refusal.stdout
	assert "other_app" in refusal.stdout
	assert scratch.ask(traces) == before
	assert scratch.ask(lambda: frappe.get_all("WhatsApp Message", pluck="message")) == ["of the other app"]
	scratch.ask(remove_foreign_doctype)


@pytest.mark.parametrize("count", [1, 2])
def test_refusal_names_each_doctype_and_the_app_that_has_it(count: int) -> None:
	frappe.get_doc({"doctype": "Module Def", "module_name": "Other", "app_name": "other_app"}).insert()
	for doctype in install.DOCTYPES[:count]:
		frappe.db.set_value("DocType", doctype, "module", "Other")
	with pytest.raises(frappe.ValidationError) as refusal:
		install.before_install()
	frappe.db.rollback()
	for doctype in install.DOCTYPES[:count]:
		assert doctype in str(refusal.value)
	assert install.DOCTYPES[count] not in str(refusal.value)
	assert "other_app" in str(refusal.value)


def test_own_doctypes_are_no_reason_to_refuse() -> None:
	install.before_install()
	assert frappe.db.count("DocType", {"name": ("in", install.DOCTYPES)}) == len(install.DOCTYPES)


def test_installing_twice_makes_one_of_each() -> None:
	install.after_install()
	install.after_install()
	assert frappe.db.count("Role", {"name": ("in", install.ROLES)}) == len(install.ROLES)
	assert frappe.db.count("Logs To Clear", {"ref_doctype": "WhatsApp Webhook Event"}) == 1
