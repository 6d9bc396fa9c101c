"""What axe-core finds on every tab, at a desk, on a phone and in the dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.browser.conftest import Server
from tests.browser.studio import PHONE, Visitor

pytestmark = pytest.mark.browser

WAYS: dict[str, dict[str, Any]] = {
    "desk": {},
    "phone": PHONE,
    "dark": {"color_scheme": "dark"},
}


def serious(visitor: Visitor) -> list[str]:
    found = Axe().run(visitor.page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("way", WAYS)
def test_no_tab_has_a_serious_finding(browser: Browser, server: Server, way: str) -> None:
    visitor = Visitor(browser, server.url, **WAYS[way])
    for tab in ("Image", "Video", "Compare", "About"):
        visitor.page.get_by_role("tab", name=tab, exact=True).click()
        visitor.page.wait_for_timeout(300)
        assert serious(visitor) == [], tab
    visitor.close()
