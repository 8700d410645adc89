frappe.ui.form.on("WhatsApp Session", {
	refresh(frm) {
		if (frm.is_new()) return;
		frm.events.show_headline(frm);
		frm.events.add_buttons(frm);
		frm.events.with_bundle(() => frm.events.follow(frm));
	},

	with_bundle(then) {
		frappe.require(["whatsapp.bundle.js", "whatsapp.bundle.css"], then);
	},

	add_buttons(frm) {
		const may_manage = frm.has_perm("write");
		const may_send = frm.doc.__onload?.may_send;
		const is_connected = frm.doc.status === "Connected";

		if (may_manage && frm.doc.sync_mode && frm.doc.sync_mode !== "Full") {
			frm.add_custom_button(__("Resume Sync"), () => frm.events.resume_sync(frm));
		}
		if (is_connected) {
			frm.add_custom_button(__("Sync Now"), () => frm.events.sync(frm));
			if (may_send) {
				frm.add_custom_button(__("Send Test Message"), () =>
					frm.events.with_bundle(() => new xappiens_whatsapp.TestMessageDialog(frm.doc.name).open()),
				);
			}
			if (may_manage) {
				frm.add_custom_button(__("Disconnect"), () => frm.events.disconnect(frm));
				frm.add_custom_button(__("Register Webhook"), () => frm.events.register_webhook(frm));
			}
		} else if (may_manage) {
			frm.add_custom_button(__("Connect"), () =>
				frm.events.with_bundle(() => new xappiens_whatsapp.QRCodeDialog(frm.doc.name).open()),
			);
			frm.change_custom_button_type(__("Connect"), null, "primary");
		}
	},

	show_headline(frm) {
		const { doc } = frm;
		const warnings = {
			"Without Contacts": __("Contacts are not synced: fetching them disconnected this session."),
			Stopped: __(
				"This session is not synced by itself any more: its syncs disconnected it. Press Resume Sync.",
			),
		};
		frm.set_intro("");
		if (warnings[doc.sync_mode]) frm.set_intro(warnings[doc.sync_mode], "orange");
		const totals = [
			__("{0} contacts", [doc.total_contacts || 0]),
			__("{0} conversations", [doc.total_conversations || 0]),
			__("{0} messages sent", [doc.total_messages_sent || 0]),
			__("{0} received", [doc.total_messages_received || 0]),
		].join(" · ");
		const synced = doc.last_sync
			? __("Last sync {0}", [frappe.datetime.str_to_user(doc.last_sync)])
			: __("Never synced");
		const colors = { Connected: "green", Error: "red", "QR Code Required": "orange" };
		frm.dashboard.set_headline(
			frappe.utils.escape_html(`${totals} — ${synced}`),
			colors[doc.status] || "blue",
		);
	},

	follow(frm) {
		const show_state = () => frm.events.show_state(frm);
		const catch_up = () => {
			frm.events.hide_progress(frm); // its end may have been missed; a sync that still runs shows it again
			show_state();
		};
		xappiens_whatsapp.follow_form(
			frm,
			{
				whatsapp_session_status: (event) => event.session === frm.doc.name && show_state(),
				whatsapp_sync_progress: (event) =>
					event.session === frm.doc.name && frm.events.show_progress(frm, event),
			},
			catch_up,
		);
	},

	async show_state(frm) {
		const has_changed = await xappiens_whatsapp.bring_up_to_date(frm);
		if (has_changed) frm.refresh();
	},

	sync(frm) {
		frappe.call({
			method: "xappiens_whatsapp.api.sync.sync_session_complete",
			args: {
				session_name: frm.doc.name,
			},
			freeze: true,
			freeze_message: __("Syncing..."),
			callback(r) {
				if (r.message?.status !== "Running") frm.events.hide_progress(frm);
				if (r.message?.success) {
					frm.events.show_outcome(frm, r.message);
				} else {
					frappe.show_alert(
						{
							message: [__("Error in sync"), frappe.utils.escape_html(r.message?.message || "")].join("<br>"),
							indicator: "red",
						},
						15,
					);
				}
				frm.events.show_state(frm);
			},
		});
	},

	phase_labels() {
		return { contacts: __("Contacts"), chats: __("Conversations"), messages: __("Messages") };
	},

	show_outcome(frm, answer) {
		const is_finished = answer.status === "Completed";
		const labels = frm.events.phase_labels();
		const lines = Object.entries(labels).map(([phase, label]) => {
			const { processed, created, updated, errors } = answer[phase];
			return __("{0}: {1} processed, {2} created, {3} updated, {4} errors", [
				label,
				processed,
				created,
				updated,
				errors,
			]);
		});
		frappe.show_alert(
			{
				// what is not complete the server says itself
				message: [is_finished ? __("Sync completed") : __("Syncing..."), ...lines]
					.map(frappe.utils.escape_html)
					.join("<br>"),
				indicator: !is_finished ? "blue" : answer.is_complete ? "green" : "orange",
			},
			15,
		);
	},

	show_progress(frm, { sync_run, state, phase, done, total }) {
		if (state === "Completed" || state === "Failed") {
			frm.whatsapp_ended_run = sync_run;
			frm.events.hide_progress(frm);
			frm.events.show_state(frm);
			return;
		}
		if (sync_run === frm.whatsapp_ended_run) return; // events of several processes may overtake each other
		const label = frm.events.phase_labels()[phase] || "";
		const text = total
			? __("{0}: {1} of {2}", [label, done, total])
			: done
				? __("{0}: {1} so far", [label, done])
				: label;
		// A full bar while no total is known says that something goes on, the text how far it is.
		frm.dashboard.show_progress(__("Sync"), total ? (100 * done) / total : 100, text);
		frm.whatsapp_has_progress = true;
	},

	hide_progress(frm) {
		if (!frm.whatsapp_has_progress) return;
		frm.whatsapp_has_progress = false;
		frm.dashboard.hide_progress(__("Sync"));
		frm.dashboard.hide_progress();
	},

	resume_sync(frm) {
		frappe.call({
			method: "xappiens_whatsapp.api.sync.resume_sync",
			args: { session_name: frm.doc.name },
			freeze: true,
			callback: () => frm.events.show_state(frm),
		});
	},

	register_webhook(frm) {
		frappe.confirm(
			__(
				"Have Inbox Hub post the events of this session to this site? Needed only where the webhook of WhatsApp Settings does not bring them.",
			),
			() =>
				frappe.call({
					method: "xappiens_whatsapp.api.webhook_setup.register_session_webhook",
					args: { session: frm.doc.name },
					freeze: true,
					freeze_message: __("Registering the webhook..."),
					callback({ message: answer }) {
						if (!answer?.success) return;
						frappe.show_alert({
							message: __("Inbox Hub now posts the events of this session to {0}", [
								frappe.utils.escape_html(answer.url).bold(),
							]),
							indicator: "green",
						});
						frm.events.show_state(frm);
					},
				}),
		);
	},

	disconnect(frm) {
		frappe.confirm(
			__("Disconnect {0}? No messages come or go until it is connected again.", [
				frappe.utils.escape_html(frm.doc.session_name || frm.doc.name).bold(),
			]),
			() =>
				frappe.call({
					method: "xappiens_whatsapp.api.session.disconnect_session",
					args: { session: frm.doc.name },
					freeze: true,
					freeze_message: __("Disconnecting..."),
					callback: () => frm.events.show_state(frm),
				}),
		);
	},
});
