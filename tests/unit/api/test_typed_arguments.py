"""What a request gives is checked and converted by the annotations of the function it calls."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator

import frappe
import pytest

import xappiens_whatsapp.api


def functions_for_requests() -> Iterator[Callable]:
	for module in pkgutil.iter_modules(xappiens_whatsapp.api.__path__, "xappiens_whatsapp.api."):
		for _name, function in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
			if function.__module__ == module.name and function in frappe.whitelisted:
				yield function


@pytest.mark.parametrize("function", functions_for_requests(), ids=lambda function: function.__qualname__)
def test_arguments_are_annotated_with_types_that_frappe_can_check(function: Callable) -> None:
	for name in inspect.signature(function).parameters:
		annotation = function.__annotations__.get(name)
		assert annotation is not None, f"{name} has no annotation"
		assert not isinstance(annotation, str), f"{name}: Frappe passes over an annotation that is a string"


def test_functions_for_requests_are_found() -> None:
	assert len(list(functions_for_requests())) > 8
