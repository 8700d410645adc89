"""`python developer.py frappe …`: Frappe's bench CLI with developer mode on, for one command that writes the app's JSON
(export-fixtures, export of a DocType made in a console). The sites themselves never are in developer mode, or tests
would rewrite the app."""

import frappe
from frappe.utils import bench_helper

site_config = frappe.get_site_config


def with_developer_mode(*args: object, **kwargs: object) -> dict:
	return site_config(*args, **kwargs) | {"developer_mode": 1}


frappe.get_site_config = with_developer_mode

if __name__ == "__main__":
	bench_helper.main()
