"""Stand-ins for packages that Frappe's cloud integrations import at module level; loaded from a .pth file.

A package that is really installed wins. Otherwise its modules import as shells whose every name is an exception class
that complains when called: `except HttpError` works, and whoever uses the integration is told what is missing."""

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

PACKAGES = {
	"apiclient",
	"boto3",
	"botocore",
	"dropbox",
	"google",
	"googleapiclient",
	"posthog",
	"psycopg2",
	"rauth",
}


class Shell(types.ModuleType):
	"""A module that has every name."""

	def __getattr__(self, name: str) -> type[Exception]:
		if name.startswith("__"):
			raise AttributeError(name)

		def complain(self: Exception, *args: object, **kwargs: object) -> None:
			raise ImportError(f"{type(self).__module__} is not installed")

		setattr(self, name, type(name, (Exception,), {"__init__": complain, "__module__": self.__name__}))
		return getattr(self, name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
	"""Finds the packages of the list, after all other finders have failed."""

	def find_spec(
		self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
	) -> importlib.machinery.ModuleSpec | None:
		if fullname.partition(".")[0] not in PACKAGES:
			return None
		return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

	def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
		return Shell(spec.name)

	def exec_module(self, module: types.ModuleType) -> None:
		pass


sys.meta_path.append(Finder())
