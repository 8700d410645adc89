"""What Frappe calls, and when."""

app_name = "xappiens_whatsapp"
app_title = "WhatsApp"
app_publisher = "The xappiens_whatsapp authors"
app_description = "WhatsApp in the Frappe CRM through Inbox Hub"
app_email = "xappiens_whatsapp@crm.example"
app_license = "mit"
app_icon = "octicon octicon-comment-discussion"

export_python_type_annotations = True

before_install = "xappiens_whatsapp.install.before_install"
after_install = "xappiens_whatsapp.install.after_install"
after_uninstall = "xappiens_whatsapp.install.after_uninstall"

_follows_session = (
	"WhatsApp Session",
	"WhatsApp Contact",
	"WhatsApp Conversation",
	"WhatsApp Message",
	"WhatsApp Webhook Event",
	"WhatsApp Sync Run",
)
permission_query_conditions = {
	doctype: "xappiens_whatsapp.permissions.query_conditions"
	for doctype in (*_follows_session, "WhatsApp Session User", "WhatsApp Message Reaction")
}
has_permission = {doctype: "xappiens_whatsapp.permissions.has_permission" for doctype in _follows_session}
override_whitelisted_methods = {"frappe.client.get_count": "xappiens_whatsapp.permissions.get_count"}

# What strangers wrote is text wherever Frappe shows it (plain_text.py). The script is read with the DocType's metadata, so
# before anything of it is shown.
doctype_list_js = {doctype: "public/js/plain_text_fields.js" for doctype in _follows_session}
standard_queries = {
	doctype: "xappiens_whatsapp.plain_text.suggestions"
	for doctype in ("WhatsApp Contact", "WhatsApp Conversation", "WhatsApp Message")
}

before_request = ["xappiens_whatsapp.api.webhook.before_request"]
after_request = ["xappiens_whatsapp.api.webhook.after_request"]

scheduler_events = {
	"cron": {"* * * * *": ["xappiens_whatsapp.jobs.every_minute"]},
	"hourly_long": ["xappiens_whatsapp.jobs.every_hour"],
}

default_log_clearing_doctypes = {"WhatsApp Webhook Event": 7, "WhatsApp Sync Run": 30}
