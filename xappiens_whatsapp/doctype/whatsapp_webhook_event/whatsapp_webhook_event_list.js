frappe.listview_settings["WhatsApp Webhook Event"] = {
	hide_name_column: true, // it says nothing

	onload(list) {
		list.page.add_actions_menu_item(__("Retry"), () =>
			frappe.call({
				method: "xappiens_whatsapp.api.webhook_events.retry_events",
				args: { names: list.get_checked_items(true) },
				freeze: true,
				freeze_message: __("Trying again..."),
				callback({ message: answer }) {
					if (!answer) return;
					const counts = Object.entries(answer.statuses).map(
						([status, number]) => `${__(status)}: ${number}`,
					);
					if (answer.remaining) counts.push(__("{0} go on in the background", [answer.remaining]));
					frappe.show_alert({
						message: [__("{0} events tried again", [answer.retried]), ...counts]
							.map(frappe.utils.escape_html)
							.join("<br>"),
						indicator: answer.statuses.Failed || answer.statuses.Dead ? "orange" : "green",
					});
					list.clear_checked_items?.();
					list.refresh();
				},
			}),
		);
	},
};
