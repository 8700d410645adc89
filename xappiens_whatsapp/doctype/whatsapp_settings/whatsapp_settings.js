frappe.ui.form.on("WhatsApp Settings", {
	refresh(frm) {
		frm.add_custom_button(__("Test Connection"), () =>
			frm.events.save_first(frm, () => frm.events.test_connection(frm)),
		);
		frm.add_custom_button(__("Register Webhook"), () =>
			frm.events.save_first(frm, () => frm.events.register_webhook(frm)),
		);
		frm.add_custom_button(__("Test Webhook"), () =>
			frm.events.save_first(frm, () => frm.events.test_webhook(frm)),
		);
		frm.add_custom_button(__("Change Webhook Secret"), () =>
			frm.events.save_first(frm, () => frm.events.change_webhook_secret(frm)),
		);
		frm.events.add_copy_button(frm);
		frm.events.show_refusals(frm);
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

	register_webhook(frm) {
		frappe.call({
			method: "xappiens_whatsapp.api.webhook_setup.register_webhook",
			freeze: true,
			freeze_message: __("Registering the webhook..."),
			callback({ message: answer }) {
				if (!answer?.success) return;
				frappe.msgprint({
					title: __("Webhook registered"),
					message: __("Inbox Hub now posts its events to {0}", [frappe.utils.escape_html(answer.url).bold()]),
					indicator: "green",
				});
				frm.reload_doc();
			},
		});
	},

	test_webhook(frm) {
		frappe.call({
			method: "xappiens_whatsapp.api.webhook_setup.test_webhook",
			freeze: true,
			freeze_message: __("Posting an event to this site..."),
			callback({ message: answer }) {
				frappe.msgprint({
					title: answer.ok ? __("The webhook works") : __("The webhook does not work"),
					message: [answer.url, answer.message].map(frappe.utils.escape_html).join("<br><br>"),
					indicator: answer.ok ? "green" : "red",
				});
				frm.events.show_refusals(frm);
			},
		});
	},

	change_webhook_secret(frm) {
		frappe.confirm(
			__(
				"Make a new random secret and register it at Inbox Hub? The old one is accepted for another 24 hours, so no event is lost.",
			),
			() =>
				frappe.call({
					method: "xappiens_whatsapp.api.webhook_setup.change_webhook_secret",
					freeze: true,
					freeze_message: __("Changing the secret..."),
					callback({ message: answer }) {
						if (answer?.success) frm.events.show_changed_secret(answer);
						frm.reload_doc();
					},
					error: () => frm.reload_doc(),
				}),
		);
	},

	show_changed_secret({ valid_until, sessions, failed }) {
		const lines = [__("Inbox Hub signs with the new secret from now on.")];
		if (valid_until) {
			lines.push(__("The old one is accepted until {0}.", [frappe.datetime.str_to_user(valid_until)]));
		}
		if (sessions.length) lines.push(__("Sessions registered anew: {0}", [sessions.join(", ")]));
		for (const { session, error } of failed) {
			lines.push(__("{0} could not be registered anew: {1}", [session, error]));
		}
		frappe.msgprint({
			title: __("Webhook secret changed"),
			message: lines.map(frappe.utils.escape_html).join("<br>"),
			indicator: failed.length ? "orange" : "green",
		});
	},

	/** Counts of the last two days; nothing of what was refused is kept. */
	async show_refusals(frm) {
		const { message: answer } = await frappe.call("xappiens_whatsapp.api.webhook_setup.get_refusals");
		const $wrapper = frm.fields_dict.webhook_refusals.$wrapper.empty();
		if (!answer.rows.length) {
			$("<p class='text-muted'></p>")
				.text(__("None in the last {0} hours.", [answer.hours]))
				.appendTo($wrapper);
			return;
		}
		const $table = $("<table class='table table-bordered'><thead><tr></tr></thead><tbody></tbody></table>");
		for (const label of [__("Hour"), __("Reason"), __("Number")]) {
			$("<th></th>").text(label).appendTo($table.find("tr"));
		}
		for (const { hour, reason, number } of answer.rows) {
			const $row = $("<tr></tr>").appendTo($table.find("tbody"));
			for (const text of [frappe.datetime.str_to_user(hour), reason, number]) {
				$("<td></td>").text(text).appendTo($row);
			}
		}
		$wrapper.append($table);
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
