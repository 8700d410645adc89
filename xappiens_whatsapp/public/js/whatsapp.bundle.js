// What the forms of this app share, loaded by them when they need it.
import { DocumentRoom } from "./whatsapp/document_room";
import { bring_up_to_date, follow_form } from "./whatsapp/live_form";
import { MessageThread } from "./whatsapp/message_thread";
import { QRCodeDialog } from "./whatsapp/qr_code_dialog";
import { TestMessageDialog } from "./whatsapp/test_message_dialog";

frappe.provide("xappiens_whatsapp");
Object.assign(xappiens_whatsapp, {
	DocumentRoom,
	MessageThread,
	QRCodeDialog,
	TestMessageDialog,
	bring_up_to_date,
	follow_form,
});
