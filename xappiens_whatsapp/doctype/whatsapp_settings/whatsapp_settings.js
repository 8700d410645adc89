frappe.ui.form.on("WhatsApp Settings", {
	refresh(frm) {
		frm.add_custom_button(__("Test Connection"), () =>
			frm.events.save_first(frm, () => frm.events.test_connection(frm)),
		);
		frm.add_custom_button(__("Register Webhook"), () =>
			frm.events.save_first(frm, () => frm.events.register_webhook(frm)),
		);
		frm.events.add_copy_button(frm);
		frm.events.warn_of_unsigned_webhooks(frm);
	},

	webhook_verification_disabled(frm) {
		frm.events.warn_of_unsigned_webhooks(frm);
	},

	/** What is tested is what is stored. Frappe calls back after a refused save too. */
	save_first(frm, then) {
		const if_saved = () => frm.is_dirty() || then();
		if (frm.is_dirty()) frm.save("Save", if_saved);
		else then();
	},

	test_connection() {
		frappe.call({
			method: "xappiens_whatsapp.api.session.test_connection",
			freeze: true,
			freeze_message: __("Calling Inbox Hub..."),
			callback({ message: answer }) {
				frappe.msgprint({
					title: answer.ok ? __("The connection works") : __("The connection does not work"),
					message: frappe.utils.escape_html(answer.message || ""),
					indicator: answer.ok ? "green" : "red",
				});
			},
		});
	},

	register_webhook() {
		frappe.call({
			method: "xappiens_whatsapp.api.session.register_webhook",
			freeze: true,
			freeze_message: __("Registering the webhook..."),
			callback({ message: answer }) {
				if (!answer?.success) return;
				frappe.msgprint({
					title: __("Webhook registered"),
					message: __("Inbox Hub now posts its events to {0}", [frappe.utils.escape_html(answer.url).bold()]),
					indicator: "green",
				});
			},
		});
	},

	add_copy_button(frm) {
		const { $wrapper } = frm.fields_dict.webhook_url;
		$wrapper.find(".whatsapp-copy").remove();
		if (!frm.doc.webhook_url) return;
		$('<button type="button" class="btn btn-default btn-xs mb-3 whatsapp-copy"></button>')
			.text(__("Copy Webhook URL"))
			.on("click", () => frappe.utils.copy_to_clipboard(frm.doc.webhook_url))
			.appendTo($wrapper);
	},

	warn_of_unsigned_webhooks(frm) {
		frm.dashboard.clear_headline();
		if (!frm.doc.webhook_verification_disabled || !frappe.boot.developer_mode) return;
		frm.dashboard.set_headline(
			__("Webhooks are accepted without a signature: anybody who knows the address can write messages."),
			"red",
		);
	},
});
