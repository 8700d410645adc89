frappe.listview_settings["WhatsApp Webhook Event"] = {
	hide_name_column: true, // it says nothing
};
