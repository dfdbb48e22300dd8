"""The page in a real browser, without a window: Debian's chromium and its driver."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from rxstream.testing import assert_nothing_left, completed, failed
from tests.service.conftest import Stage, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from selenium.webdriver.remote.webdriver import WebDriver

BROWSER: Final = shutil.which("chromium")
DRIVER: Final = shutil.which("chromedriver")
LINK: Final = "https://example.com/export.json"
TIME_LIMIT: Final = 60
SHOW_STREAMS: Final = """
    window.streams = [];
    window.EventSource = class extends EventSource {
        constructor(url) { super(url); window.streams.push(this); }
    };
"""
FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",  # CI is root, for whom chromium has none
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarm to end a hang")


@contextmanager
def time_limit() -> Iterator[None]:
    """End what hangs; all that talks to the browser waits on the main thread."""

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        msg = f"the browser took longer than {TIME_LIMIT} s"
        raise TimeoutError(msg)

    before = signal.signal(signal.SIGALRM, on_alarm)
    # Again and again, since what cleans up may hang too.
    signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT, TIME_LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    with time_limit():
        yield


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """One browser for all tests; each opens windows of its own."""
    if BROWSER is None or DRIVER is None:
        reason = "no chromium or no chromedriver: apt-get install chromium chromium-driver"
        # In CI a skip would go unseen.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    with assert_nothing_left():
        # The driver's path is given, so that selenium looks for none to download.
        with time_limit():
            driver = webdriver.Chrome(options, Service(DRIVER))
        try:
            yield driver
        finally:
            with time_limit():
                driver.quit()
    until(lambda: not processes_with(str(profile)), "the end of the browser's processes")


def processes_with(argument: str) -> list[str]:
    found: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if argument in command:
            found.append(command)
    return found


class Window:
    """One window of the browser."""

    def __init__(self, browser: WebDriver, url: str) -> None:
        browser.switch_to.new_window("window")
        self._browser = browser
        self._handle = browser.current_window_handle
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SHOW_STREAMS})
        browser.get(url)

    def run(self, script: str) -> Any:
        self._browser.switch_to.window(self._handle)
        return self._browser.execute_script(script)

    def export(self, users: str = "jane, joe") -> str:
        """Fill in the form, and give the address of the export."""
        self._browser.switch_to.window(self._handle)
        field = self._browser.find_element(By.ID, "users")
        field.clear()
        field.send_keys(users)
        self._browser.find_element(By.TAG_NAME, "button").click()
        until(lambda: "#" in self._browser.current_url, "an export")
        return self._browser.current_url

    def text(self, element: str) -> str:
        return str(self.run(f"return document.getElementById('{element}').textContent"))

    def expect(self, text: str) -> None:
        until(lambda: self.text("now") == text, f"{text!r}, but {self.text('now')!r}")

    @property
    def open_streams(self) -> int:
        return int(self.run("return streams.filter(s => s.readyState !== s.CLOSED).length"))

    @property
    def log(self) -> list[str]:
        return list(
            self.run("return [...document.querySelectorAll('#log li')].map(li => li.textContent)")
        )

    @property
    def progress(self) -> float | None:
        """How far the bar is; None: it only says that there is something under way."""
        position = float(self.run("return document.getElementById('progress').position"))
        return None if position < 0 else position

    @property
    def link(self) -> str | None:
        found = self.run(
            "const a = document.getElementById('link'); return a.hidden ? null : a.href"
        )
        return None if found is None else str(found)

    def close(self) -> None:
        self._browser.switch_to.window(self._handle)
        self._browser.close()
        self._browser.switch_to.window(self._browser.window_handles[0])


@pytest.fixture
def open_window(browser: WebDriver) -> Iterator[Callable[[str], Window]]:
    first = browser.window_handles[0]
    yield lambda url: Window(browser, url)
    for handle in browser.window_handles:
        if handle != first:
            browser.switch_to.window(handle)
            browser.close()
    browser.switch_to.window(first)


def test_the_statuses_show_live_up_to_the_end(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    stage = play(["pending", *["running"] * 20, completed({"url": LINK})], every=0.2)
    window = open_window(stage.url)
    assert window.run("return document.getElementById('export').hidden")
    window.export()
    window.expect("running")
    assert window.log == ["pending", "running"]
    assert window.open_streams == 1
    assert window.progress is None
    assert window.text("elapsed").endswith("s since it was started")
    assert window.link is None
    window.expect("completed")
    assert window.log == ["pending", "running", "completed"]
    assert window.progress == 1
    assert window.link == LINK
    assert window.open_streams == 0, "it will connect again"


def test_two_windows_on_one_export_are_one_poll_loop(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    script = ["pending", *["running"] * 40, completed({"url": LINK})]
    stage = play(script, every=0.1)
    one = open_window(stage.url)
    address = one.export()
    one.expect("running")
    other = open_window(address)
    other.expect("running")
    assert other.log == ["running"]
    for window in (one, other):
        window.expect("completed")
    # A second loop would poll once more to see the end.
    assert stage.api.polls() == len(script)


def test_the_last_window_to_close_stops_the_polling(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    stage = play(["running"])
    one = open_window(stage.url)
    other = open_window(one.export())
    for window in (one, other):
        window.expect("running")
    one.close()
    stage.expect_polls_to_go_on()
    assert other.text("now") == "running"
    other.close()
    stage.expect_polls_to_stop()


@pytest.mark.parametrize("elsewhere", ["location.hash = ''", "location = 'about:blank'"])
def test_a_page_that_is_left_stops_the_polling_until_it_is_shown_again(
    play: Callable[..., Stage], open_window: Callable[[str], Window], elsewhere: str
) -> None:
    stage = play(["running"])
    window = open_window(stage.url)
    window.export()
    window.expect("running")
    window.run(elsewhere)
    stage.expect_polls_to_stop()
    window.run("history.back()")
    stage.expect_polls_to_go_on()
    window.expect("running")


def test_a_lost_connection_is_told(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    stage = play(["running"])
    window = open_window(stage.url)
    window.export()
    window.expect("running")
    stage.leave()
    window.expect("connection lost, trying again")


def test_what_a_server_says_is_never_html(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    html = "<img src=x onerror=\"document.title='had'\">"
    stage = play([html, failed(html)])
    window = open_window(stage.url)
    window.export()
    window.expect(f"failed: {html}")
    assert window.open_streams == 0
    assert window.log[0] == html
    assert window.run("return document.images.length") == 0
    assert window.run("return document.title") == "Export of users"


def test_a_result_with_another_kind_of_address_is_no_link(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    window = open_window(play([completed({"url": "javascript:document.title='had'"})]).url)
    window.export()
    window.expect("completed")
    assert window.link is None


def test_the_deadline_is_told(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    stage = play(["running"], deadline=0.3)
    window = open_window(stage.url)
    window.export()
    window.expect("not done after 0.3 s; it may still end: reload to look again")
    assert window.open_streams == 0
    stage.expect_polls_to_stop()


def test_an_unknown_export_is_told(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    stage = play()
    window = open_window(f"{stage.url}/#unknown")
    window.expect("there is no such export, or you may not see it")
    assert stage.api.polls() == 0


def test_an_export_that_cannot_be_started_is_told(
    play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    window = open_window(play().url)
    window.run("document.getElementById('users').value = ','")
    window.run("document.forms[0].requestSubmit()")
    until(lambda: window.text("problem") == "The export could not be started.", "the problem")


def test_it_can_be_used_by_those_who_do_not_see_it(
    browser: WebDriver, play: Callable[..., Stage], open_window: Callable[[str], Window]
) -> None:
    window = open_window(play(["running"]).url)
    window.export()
    window.expect("running")
    found = [browser.find_element(By.ID, name) for name in ("users", "now", "progress", "problem")]
    assert [(element.aria_role, element.accessible_name) for element in found] == [
        ("textbox", "Ids of users, with commas between them"),
        ("status", ""),
        ("progressbar", "Progress of the export"),
        ("alert", ""),
    ]
