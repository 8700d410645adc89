app_name = "neighbour"
app_title = "Neighbour"
app_publisher = "The xappiens_whatsapp authors"
app_description = "A neighbour for the tests"
app_email = "neighbour@crm.example"
app_license = "mit"

doc_events = {
	"WhatsApp Message": {
		"validate": "neighbour.whatsapp.validate",
		"before_insert": "neighbour.whatsapp.before_insert",
		"after_insert": "neighbour.whatsapp.after_insert",
		"on_update": "neighbour.whatsapp.on_update",
	},
}
