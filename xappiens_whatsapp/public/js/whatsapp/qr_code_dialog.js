import { Backoff } from "./backoff";
import { DocumentRoom } from "./document_room";
import { element } from "./dom";
import { ask } from "./server";
import { seconds_until } from "./times";

const ASK_AFTER = [2, 3, 5, 8, 10, 15]; // seconds; Inbox Hub takes 30 calls a minute from the whole site
const UNDER_WAY = ["Connecting", "QR Code Required"];

/** Links a phone: shows the QR code and renews it, until the session is connected or the dialog is closed. */
export class QRCodeDialog {
	/** @param {string} session - name of a WhatsApp Session */
	constructor(session) {
		this.session = session;
		this.qr_code = null;
		this.backoff = new Backoff(() => this.ask(), ASK_AFTER);
		this.room = new DocumentRoom(
			"WhatsApp Session",
			session,
			{
				whatsapp_qr_code: (event) => this.is_ours(event) && this.get_qr_code(),
				whatsapp_session_status: (event) => this.is_ours(event) && this.show(event),
			},
			() => this.ask(),
		);
	}

	/** Begin to connect, then show the dialog. A refusal is shown by Frappe. */
	async open() {
		const state = await this.connect();
		if (!state) return;
		this.make();
		this.room.open();
		this.backoff.start();
		this.ticking = setInterval(() => this.count_down(), 1000);
		this.dialog.show();
		this.show(state);
	}

	close() {
		this.is_closed = true;
		this.room.close();
		this.backoff.stop();
		clearInterval(this.ticking);
	}

	make() {
		this.image = element("img", "whatsapp-qr");
		this.image.alt = __("QR code");
		this.image.hidden = true;
		this.waiting = element("div", "whatsapp-qr whatsapp-qr-waiting");
		this.countdown = element("p", "text-muted whatsapp-countdown");
		this.countdown.setAttribute("aria-live", "off");
		this.dialog = new frappe.ui.Dialog({
			title: __("Connect WhatsApp"),
			animate: false, // a dialog that still slides in cannot be closed, and the phone may be linked already
			onhide: () => this.close(),
		});
		this.dialog.body.append(
			element(
				"div",
				"whatsapp-qr-dialog",
				element(
					"p",
					"",
					__("On the phone open WhatsApp, then Linked devices, then Link a device, and scan this code."),
				),
				this.image,
				this.waiting,
				this.countdown,
			),
		);
	}

	connect() {
		return ask(
			"session.connect_session",
			{ session: this.session },
			{ freeze: true, freeze_message: __("Connecting...") },
		);
	}

	is_ours(event) {
		return event.session === this.session;
	}

	/** Without a code ask for one; with one on the screen ask whether it was scanned. */
	ask() {
		return this.qr_code ? this.get("session.get_session_status") : this.get_qr_code();
	}

	get_qr_code() {
		return this.get("session.get_qr_code");
	}

	async get(method) {
		const state = await ask(method, { session: this.session }, { silent: true });
		if (state) this.show(state);
		else if (!this.qr_code) this.say(__("Inbox Hub does not answer yet. Trying again..."));
	}

	/** @param {{status: string, qr_code?: string, qr_expires_at?: string}} state */
	show(state) {
		if (this.is_closed) return;
		if (UNDER_WAY.includes(state.status)) this.has_begun = true;
		if (state.status === "Connected") {
			this.dialog.hide();
			frappe.show_alert({ message: __("WhatsApp is connected."), indicator: "green" }, 7);
		} else if (state.status === "Error" || (state.status === "Disconnected" && this.has_begun)) {
			this.set_qr_code(null);
			this.say(__("Inbox Hub has stopped waiting for the scan."));
			this.backoff.stop();
			this.dialog.set_primary_action(__("Try Again"), () => this.try_again());
		} else if (state.qr_code) {
			this.set_qr_code(state.qr_code, state.qr_expires_at);
		} else if (!this.qr_code) {
			this.say(
				state.status === "Connecting"
					? __("Connecting. If the phone is linked already, no code is needed.")
					: __("Waiting for the QR code..."),
			);
		}
	}

	async try_again() {
		const state = await this.connect();
		if (!state) return;
		this.dialog.get_primary_btn().addClass("hide");
		this.has_begun = false; // Inbox Hub may say for a moment that nothing goes on yet
		this.backoff.round = 0;
		this.backoff.start();
		this.show(state);
	}

	set_qr_code(qr_code, expires_at) {
		if (qr_code && !qr_code.startsWith("data:image/")) return; // a picture, not an address to call
		if (qr_code !== this.qr_code) this.backoff.round = 0;
		this.qr_code = qr_code;
		this.expires_at = expires_at;
		this.image.hidden = !qr_code;
		this.waiting.hidden = Boolean(qr_code);
		if (qr_code) this.image.src = qr_code;
		else this.image.removeAttribute("src");
		this.count_down();
	}

	say(text) {
		this.waiting.textContent = text;
	}

	count_down() {
		this.countdown.textContent = "";
		if (!this.qr_code) return;
		const seconds = Math.ceil(seconds_until(this.expires_at));
		if (seconds > 0) {
			this.countdown.textContent = __("The code expires in {0} s.", [seconds]);
		} else {
			this.set_qr_code(null);
			this.say(__("The code has expired. Waiting for the next one..."));
			this.get_qr_code();
		}
	}
}
