"""The JavaScript of docs/guia.md, in Chromium, on the form that it is written for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from support import guide
from support.factories import SESSION
from support.guide import Block
from support.linked import connect_site, count, link_session

if TYPE_CHECKING:
	from inbox_hub_simulator.control import Simulator


@pytest.mark.simulator(rate=0, contacts=12, chats=4, messages=6)
@pytest.mark.parametrize("block", guide.blocks("javascript"), ids=str)
def test_javascript_block_syncs_the_session_and_says_so(
	block: Block, simulator: Simulator, desk: Callable[..., Page]
) -> None:
	connect_site(simulator)
	link_session(simulator)
	page = desk("Administrator", f"/app/whatsapp-session/{SESSION}")
	page.wait_for_function("window.cur_frm && cur_frm.doc && cur_frm.doc.name === 'demo_session'")

	with page.expect_console_message(lambda message: "success" in message.text, timeout=30_000) as said:
		page.evaluate(f"(() => {{ const frm = cur_frm;\n{block.text}\n}})()")

	expect(page.locator(".desk-alert").first).to_contain_text("Sincronización completada")
	assert said.value.args[0].json_value()["status"] == "Completed"
	assert count("Message") == simulator.expected(SESSION)["full_sync"]["messages"]
	assert desk.errors == []
