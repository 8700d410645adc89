import { Backoff } from "./backoff";
import { DocumentRoom } from "./document_room";
import { element } from "./dom";
import { ask, read_values } from "./server";
import { FINAL, status_label, status_ticks } from "./status_ticks";

const ASK_AFTER = [2, 3, 5, 10, 20, 30]; // seconds

/** Sends one message and shows how far it gets. */
export class TestMessageDialog {
	/** @param {string} session - name of a WhatsApp Session */
	constructor(session) {
		this.session = session;
		this.message = null; // the name of the one that was sent last
		this.backoff = new Backoff(() => this.look(), ASK_AFTER);
		this.room = new DocumentRoom(
			"WhatsApp Session",
			session,
			{ whatsapp_message_status: (event) => event.message === this.message && this.look() },
			() => this.look(),
		);
	}

	open() {
		this.dialog = new frappe.ui.Dialog({
			title: __("Send Test Message"),
			fields: [
				{
					fieldname: "to",
					fieldtype: "Data",
					label: __("Phone Number"),
					description: __("With country code, like 34600000001"),
					reqd: 1,
				},
				{
					fieldname: "content",
					fieldtype: "Small Text",
					label: __("Text"),
					reqd: 1,
					formatter: frappe.utils.escape_html, // Frappe shows it, out of sight, as HTML
				},
				{ fieldname: "progress", fieldtype: "HTML" },
			],
			primary_action_label: __("Send"),
			primary_action: (values) => this.send(values),
			onhide: () => this.close(),
		});
		this.progress = element("div", "whatsapp-progress");
		this.progress.setAttribute("aria-live", "polite");
		this.dialog.fields_dict.progress.$wrapper.append(this.progress);
		this.room.open();
		this.dialog.show();
	}

	close() {
		this.is_closed = true;
		this.room.close();
		this.backoff.stop();
	}

	async send({ to, content }) {
		const name = await ask(
			"messages.send_message",
			{ session: this.session, to, content },
			{ btn: this.dialog.get_primary_btn() },
		);
		if (!name) return;
		this.message = name;
		this.shown = null;
		this.show({ status: "Pending" });
		this.backoff.round = 0;
		this.backoff.start();
		this.look();
	}

	async look() {
		if (!this.message || this.is_closed) return;
		const name = this.message;
		const row = await read_values("WhatsApp Message", name, ["status", "error_message"]);
		if (row && name === this.message && !this.is_closed) this.show(row);
	}

	show({ status, error_message }) {
		if (FINAL.includes(status)) this.backoff.stop();
		const shown = `${status} ${error_message || ""}`;
		if (shown === this.shown) return;
		this.shown = shown;
		this.progress.replaceChildren(
			status_ticks(status),
			element("span", "", status_label(status)),
			error_message ? element("div", "whatsapp-error", error_message) : "",
		);
	}
}
