frappe.ui.form.on("WhatsApp Webhook Event", {
	refresh(frm) {
		if (!["Failed", "Dead", "Waiting", "Ignored"].includes(frm.doc.status) || !frm.perm[0]?.write) return;
		frm.add_custom_button(__("Retry"), () =>
			frappe.call({
				method: "xappiens_whatsapp.api.webhook_events.retry_events",
				args: { names: [frm.doc.name] },
				freeze: true,
				freeze_message: __("Trying again..."),
				callback: () => frm.reload_doc(),
			}),
		);
		frm.change_custom_button_type(__("Retry"), null, "primary");
	},
});
