frappe.listview_settings["WhatsApp Message"] = {
	hide_name_column: true, // it says nothing
};
