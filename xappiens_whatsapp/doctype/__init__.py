"""One folder a DocType. Import controllers as Frappe does: `xappiens_whatsapp.xappiens_whatsapp.doctype...`."""
