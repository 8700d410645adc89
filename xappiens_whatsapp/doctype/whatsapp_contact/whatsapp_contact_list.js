frappe.listview_settings["WhatsApp Contact"] = {
	hide_name_column: true, // it says nothing
};
