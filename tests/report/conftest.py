"""One browser for all pages: starting it costs more than a page does."""

from collections.abc import Iterator

import pytest
from headless_browser import Tab, browsing, find_browser


@pytest.fixture(scope="session")
def tab() -> Iterator[Tab]:
    """A tab to open pages in, one at a time; whoever asks for it is skipped where there is no Chromium."""
    if (browser := find_browser()) is None:
        pytest.skip("no Chromium on the PATH, and WAM_ADAPT_TEST_BROWSER names none; nothing was looked at")
    with browsing(browser) as opened:
        yield opened
