frappe.ui.form.on("WhatsApp Conversation", {
	refresh(frm) {
		if (frm.is_new()) return;
		frm.events.add_buttons(frm);
		frappe.require(["whatsapp.bundle.js", "whatsapp.bundle.css"], () => frm.events.show_thread(frm));
	},

	add_buttons(frm) {
		frm.remove_custom_button(__("Mark as Read"));
		frm.remove_custom_button(__("Fetch Older Messages"));
		if (!frm.doc.history_complete) {
			frm.add_custom_button(__("Fetch Older Messages"), () => frm.events.load_older(frm));
		}
		if (!frm.doc.unread_count) return;
		frm.add_custom_button(__("Mark as Read"), () =>
			frappe.call({
				method: "xappiens_whatsapp.api.conversations.mark_as_read",
				args: { conversation: frm.doc.name },
				freeze: true,
				callback: () => frm.events.show_state(frm),
			}),
		);
	},

	load_older(frm) {
		frappe.call({
			method: "xappiens_whatsapp.api.sync.sync_conversation_history",
			args: { conversation: frm.doc.name },
			freeze: true,
			freeze_message: __("Calling Inbox Hub..."),
			callback({ message: loaded }) {
				if (!loaded) return;
				frappe.show_alert(
					loaded.has_more
						? __("{0} older messages were loaded.", [loaded.created])
						: __("{0} older messages were loaded. There are no more.", [loaded.created]),
				);
				frm.whatsapp_thread?.refresh();
				frm.events.show_state(frm);
			},
		});
	},

	show_thread(frm) {
		if (frm.whatsapp_thread?.conversation !== frm.doc.name) {
			frm.whatsapp_thread?.close();
			frm.whatsapp_thread = new xappiens_whatsapp.MessageThread(
				frm.fields_dict.messages_html.$wrapper.get(0),
				frm.doc.name,
				frm.doc.is_group,
			);
		}
		frm.whatsapp_thread.refresh();
		frm.events.follow(frm);
	},

	follow(frm) {
		const is_ours = (event) => event.conversation === frm.doc.name;
		const look = () => {
			frm.whatsapp_thread.refresh();
			frm.events.show_state(frm);
		};
		xappiens_whatsapp.follow_form(
			frm,
			{
				whatsapp_message: (event) => is_ours(event) && look(),
				whatsapp_message_status(event) {
					if (!is_ours(event)) return;
					frm.whatsapp_thread.set_status(event.message, event.status);
					frm.whatsapp_thread.refresh();
				},
				whatsapp_conversation: (event) => is_ours(event) && frm.events.show_state(frm),
			},
			look,
		);
	},

	/** The fields beside the thread, without a reload of the form: somebody may be reading or typing. */
	async show_state(frm) {
		const has_changed = await xappiens_whatsapp.bring_up_to_date(frm);
		if (!has_changed) return;
		frm.toolbar.set_title();
		frm.events.add_buttons(frm);
	},
});
