"""The two sites: configuration, creation from one pristine database, migration when the app's DocTypes changed."""

import hashlib
import json
import secrets
import shutil

from bench_tool import database
from bench_tool.console import Problem, run, say, step
from bench_tool.environment import app_names, link, write
from bench_tool.layout import ADMIN_PASSWORD, APP, TIME_ZONE, Layout, Site
from bench_tool.ports import Ports
from bench_tool.services import frappe_command
from bench_tool.stamps import Stamps, digest, tree

WIZARD = {
	"language": "English",
	"country": "Spain",
	"timezone": TIME_ZONE,
	"currency": "EUR",
	# a first System Manager: without one, Frappe makes every user that a test creates a System Manager
	"full_name": "Site Owner",
	"email": "owner@crm.example",
	"password": ADMIN_PASSWORD,
	"enable_telemetry": 0,
}
SCHEMA_FILES = {"hooks.py", "modules.txt", "patches.txt", "install.py"}


def configure(layout: Layout, site: Site, ports: Ports) -> None:
	"""Lays out the bench folder of a site as the bench command would."""
	for folder in ("logs", "config"):
		(site.bench / folder).mkdir(parents=True, exist_ok=True)
	if site.key == "test":
		for name in ("env", "apps"):
			link(layout.bench / name, site.bench / name)
		link(layout.assets, site.sites / "assets")
	write(site.sites / "apps.txt", "\n".join(["frappe", *app_names(layout)]) + "\n")
	settings = {
		"db_host": "127.0.0.1",
		"db_port": ports["mariadb"],
		"redis_cache": f"redis://127.0.0.1:{ports[site.prefix + 'redis-cache']}",
		"redis_queue": f"redis://127.0.0.1:{ports[site.prefix + 'redis-queue']}",
		"webserver_port": ports[site.prefix + "web"],
		"socketio_port": ports[site.prefix + "realtime"],
		"default_site": site.name,
		"developer_mode": 0,
		"mute_emails": 1,
	}
	write(site.sites / "common_site_config.json", json.dumps(settings, indent=1) + "\n")
	if site.folder.exists():
		configure_site(site, ports)


def configure_site(site: Site, ports: Ports) -> None:
	"""Keeps what the site added to its configuration (its encryption key) and sets the rest."""
	file = site.folder / "site_config.json"
	settings = json.loads(file.read_text()) if file.exists() else {}
	settings.setdefault("db_name", database_name(site))
	settings.setdefault("db_password", secrets.token_urlsafe(18))
	settings["db_type"] = "mariadb"
	settings["host_name"] = f"http://{site.name}:{ports[site.prefix + 'web']}"
	settings["allow_tests"] = site.key == "test"
	write(file, json.dumps(settings, indent=1) + "\n")


def database_name(site: Site) -> str:
	return "_" + hashlib.sha1(str(site.folder).encode()).hexdigest()[:16]


def schema_digest(layout: Layout, site: Site) -> str:
	"""Changes with all that `bench migrate` reads: JSON of DocTypes and the like, controllers (they make indexes),
	hooks, patches, installation."""
	files = []
	for app in site.apps:
		package = layout.apps / app / app
		files += [
			file
			for file in tree(package, [".json", ".py", ".txt"])
			if "public" not in file.parts
			and (
				file.suffix == ".json"
				or file.name in SCHEMA_FILES
				or {"doctype", "patches"}.intersection(file.relative_to(package).parts)
			)
		]
	frappe = layout.runtime / "restore.py"
	return digest(frappe, *site.apps, *(text for file in files for text in (str(file), digest(file))))


def view_digest(layout: Layout, site: Site) -> str:
	"""Changes with what Frappe keeps in its cache without being told by a migration: form scripts, templates,
	translations."""
	files = [
		file
		for app in site.apps
		for file in tree(layout.apps / app / app, [".js", ".css", ".html", ".csv", ".md"])
	]
	return digest(*(text for file in files for text in (str(file), digest(file))))


def pristine(layout: Layout) -> str:
	"""The digest that stands for a site with Frappe alone, its wizard done."""
	return digest(layout.runtime / "restore.py", json.dumps(WIZARD), ADMIN_PASSWORD)


def ensure_pristine(layout: Layout, stamps: Stamps, ports: Ports) -> None:
	"""Makes a site with Frappe alone once and saves its database; each site begins as a copy of it."""
	value = pristine(layout)
	target = layout.cache / "pristine.sql"
	if stamps.is_current("pristine", value) and target.exists():
		return
	demo = layout.site("demo")
	name = "pristine.localhost"
	with step("a pristine Frappe site"), stamps.renewing("pristine", value):
		clear_folder(demo.sites / name)
		try:
			bench(
				demo,
				"making the pristine site",
				*("new-site", name, "--db-name", "pristine", "--force", "--no-mariadb-socket"),
				*("--db-root-username", "root", "--db-root-password", database.root_password(layout)),
				*("--admin-password", ADMIN_PASSWORD),
				site=None,
			)
			bench(
				demo,
				"finishing the setup wizard",
				*("execute", "frappe.desk.page.setup_wizard.setup_wizard.setup_complete"),
				*("--kwargs", repr({"args": WIZARD})),
				site=name,
			)
			# the tour that greets a new user would lie over every page
			database.execute(
				layout,
				ports["mariadb"],
				"UPDATE pristine.tabSingles SET value = '0' WHERE doctype = 'System Settings'"
				" AND field IN ('enable_onboarding');"
				"UPDATE pristine.tabSingles SET value = '1' WHERE doctype = 'System Settings'"
				" AND field IN ('enable_scheduler');"
				# Frappe's own users come in Asia/Kolkata, and the Desk shows times in the user's zone
				f"UPDATE pristine.tabUser SET time_zone = '{TIME_ZONE}';",
			)
			check_wizard(layout, ports)
			database.dump(layout, ports["mariadb"], "pristine", target)
		finally:
			database.drop(layout, ports["mariadb"], "pristine")
			clear_folder(demo.sites / name)


def check_wizard(layout: Layout, ports: Ports) -> None:
	"""The wizard reports its failures by its return value only."""
	answer = database.execute(
		layout,
		ports["mariadb"],
		"SELECT value FROM pristine.tabSingles WHERE doctype = 'System Settings' AND field = 'time_zone'",
	)
	if answer.strip() != TIME_ZONE:
		raise Problem(f"the setup wizard did not finish: see {layout.log('site')}")


def ensure(layout: Layout, stamps: Stamps, ports: Ports, site: Site) -> None:
	"""Makes a site, or brings it up to date with the app. The tests' site is made anew when DocTypes changed."""
	stamp, view = f"site-{site.key}", f"view-{site.key}"
	schema, views = schema_digest(layout, site), view_digest(layout, site)
	created = f"created-{site.key}"
	is_valid = stamps.is_current(created, pristine(layout)) if site.key == "test" else stamps.exists(created)
	exists = is_valid and is_there(layout, ports, site)
	if exists and stamps.is_current(stamp, schema):
		if not stamps.is_current(view, views):
			with step(f"{site.name}: cache cleared"), stamps.renewing(view, views):
				bench(site, "clearing the cache", "clear-cache")
		return
	if exists and site.key == "demo" and set(site.apps) <= set(installed_apps(layout, ports, site)):
		with step(f"{site.name}: migrate"), stamps.renewing(stamp, schema), stamps.renewing(view, views):
			bench(site, f"migrating {site.name}", "migrate")
		return
	if exists and site.key == "demo":  # the app has appeared since
		with step(f"{site.name}: apps"), stamps.renewing(stamp, schema), stamps.renewing(view, views):
			install_apps(layout, ports, site)
		return
	remake(layout, stamps, ports, site)


def remake(layout: Layout, stamps: Stamps, ports: Ports, site: Site) -> None:
	"""The site as new: a copy of the pristine database with the apps installed."""
	ensure_pristine(layout, stamps, ports)
	stamps.forget(f"created-{site.key}", f"site-{site.key}", f"view-{site.key}")
	with step(f"{site.name}: made from the pristine database"):
		clear_folder(site.folder)
		for folder in ("public/files", "private/files", "private/backups", "locks", "logs"):
			(site.folder / folder).mkdir(parents=True)
		configure_site(site, ports)
		settings = json.loads((site.folder / "site_config.json").read_text())
		database.create(layout, ports["mariadb"], settings["db_name"], settings["db_password"])
		database.load(layout, ports["mariadb"], settings["db_name"], layout.cache / "pristine.sql")
		bench(site, "clearing the cache", "clear-cache")
	stamps.remember(f"created-{site.key}", pristine(layout))
	with (
		step(f"{site.name}: {', '.join(site.apps) or 'no app yet'}"),
		stamps.renewing(f"site-{site.key}", schema_digest(layout, site)),
		stamps.renewing(f"view-{site.key}", view_digest(layout, site)),
	):
		install_apps(layout, ports, site)


def install_apps(layout: Layout, ports: Ports, site: Site) -> None:
	there = installed_apps(layout, ports, site)
	for app in site.apps:
		if app not in there:
			bench(site, f"installing {app} on {site.name}", "install-app", app)
	if not site.apps:
		say(f"  {APP} has no hooks.py and modules.txt yet: {site.name} has Frappe alone")


def installed_apps(layout: Layout, ports: Ports, site: Site) -> list[str]:
	"""As Frappe itself remembers them; the DocType Installed Application is filled by a migration only."""
	name = json.loads((site.folder / "site_config.json").read_text())["db_name"]
	statement = f"SELECT defvalue FROM `{name}`.tabDefaultValue WHERE parent = '__global' AND defkey = 'installed_apps'"
	return json.loads(database.execute(layout, ports["mariadb"], statement).strip() or "[]")


def is_there(layout: Layout, ports: Ports, site: Site) -> bool:
	"""Whether the site's folder and its database are both there."""
	file = site.folder / "site_config.json"
	if not file.exists():
		return False
	name = json.loads(file.read_text())["db_name"]
	statement = (
		f"SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{name}' AND TABLE_NAME = 'tabDocType'"
	)
	return bool(database.execute(layout, ports["mariadb"], statement).strip())


def clear_folder(folder) -> None:
	shutil.rmtree(folder, ignore_errors=True)


def bench(owner: Site, what: str, *arguments: str, site: str | None = "") -> None:
	"""Runs a command of Frappe's bench CLI for a site (None: for no site; default: for the owner)."""
	name = owner.name if site == "" else site
	run(
		owner.layout,
		[*frappe_command(owner), *(["--site", name] if name else []), *arguments],
		what,
		log="site",
		cwd=owner.sites,
		env=owner.environment(),
	)
