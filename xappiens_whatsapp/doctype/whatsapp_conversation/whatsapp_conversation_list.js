frappe.listview_settings["WhatsApp Conversation"] = {
	hide_name_column: true, // it says nothing
};
