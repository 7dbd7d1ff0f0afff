"""A real browser without a window: Debian's Chromium, driven through its own driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .services import go_without


class Browser:
    """One page of a browser; sizes are those of the page, at one device pixel each."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    def open(self, address: str, *, width: int, dark: bool = False) -> None:
        """Load *address* in a window of *width*, and wait until it is loaded."""
        self.look(width=width, dark=dark)
        self._driver.get(address)

    def look(self, *, width: int, dark: bool) -> None:
        """Show the page that wide, to somebody who wants it light or dark."""
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str, *arguments: object) -> Any:
        """Run a function's body in the page; return what it returns."""
        return self._driver.execute_script(script, *arguments)

    def run_async(self, script: str, *arguments: object) -> Any:
        """Run a function's body whose last argument is called with what it returns."""
        return self._driver.execute_async_script(script, *arguments)

    @property
    def address(self) -> str:
        """Where the page is."""
        return str(self._driver.current_url)

    @property
    def messages(self) -> list[str]:
        """What the browser wrote into its console since the last call: errors and refusals."""
        return [entry["message"] for entry in self._driver.get_log("browser")]

    def picture(self, path: Path, *, height: int | None = None) -> None:
        """Write the page as PNG: all of it, or its upper *height* pixels."""
        import base64

        width = self.run("return document.documentElement.clientWidth")
        whole = self.run("return document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": width, "height": min(whole, height or whole), "scale": 1}
        taken = self._command("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _command(self, name: str, **values: object) -> Any:
        return self._driver.execute_cdp_cmd(name, values)


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """Start the browser with a new profile; skip where it is not installed."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        go_without("chromium", "install Debian's chromium and chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--hide-scrollbars", f"--user-data-dir={profile}"),
    ):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
