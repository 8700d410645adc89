frappe.listview_settings["WhatsApp Sync Run"] = {
	hide_name_column: true, // it says nothing
	add_fields: ["state"],
	get_indicator(doc) {
		const colors = { Queued: "gray", Running: "blue", Completed: "green", Failed: "red" };
		return [__(doc.state), colors[doc.state] || "gray", `state,=,${doc.state}`];
	},
};
