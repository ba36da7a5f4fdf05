"""Looks at a page in Chromium: what it draws, says, asks for, and whether it keeps to its width.

Screenshots are written into the folder that ``QUANTDL_SCREENSHOTS`` names, where it names one.
"""

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

WIDTHS = (1400, 390)
_PRINTED = 718  # pixels between the margins of an A4 page
_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

_DRAWN = """() => [...document.querySelectorAll('[data-chart]')].map((data) => {
  const place = document.getElementById(data.dataset.chart);
  const drawn = place === null ? [] : [...place.querySelectorAll('svg path[d], svg image, svg rect, canvas')];
  return [data.dataset.chart, drawn.length > 2 && drawn.some((mark) => mark.getBoundingClientRect().width > 5)];
})"""
_BROKEN = """() => [...document.querySelectorAll('a[href^="#"]')].map((link) => decodeURIComponent(link.hash.slice(1)))
  .filter((id) => id && document.getElementById(id) === null)"""
_TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (node) => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(node).overflowX);
  const inside = (node) => {
    for (let at = node.parentElement; at && at !== document.body; at = at.parentElement) if (scrolls(at)) return true;
    return node.closest('svg') !== null;
  };
  const wide = [...document.body.querySelectorAll('*')].filter((node) =>
    !inside(node) && node.getBoundingClientRect().right > width + 1);
  return [`the page is ${document.documentElement.scrollWidth} wide`, ...wide.slice(0, 5).map((node) =>
    `${node.tagName} ${node.className} ${node.textContent.slice(0, 40)}`)];
}"""
_FAINT = """() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => parts(color).slice(0, 3).map((value) => value / 255)
    .map((value) => value <= .03928 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4)
    .reduce((sum, value, at) => sum + value * [.2126, .7152, .0722][at], 0);
  const opaque = (color) => { const found = parts(color); return found.length < 4 || found[3] > .5; };
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (opaque(color)) return color;
    }
    const dark = matchMedia('(prefers-color-scheme: dark)').matches
      && getComputedStyle(document.documentElement).colorScheme.includes('dark');
    return dark ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
  };
  const own = (node) => [...node.childNodes].some((one) => one.nodeType === 3 && one.textContent.trim());
  const found = new Set();
  for (const node of document.body.querySelectorAll('*')) {
    if (!own(node) || node.closest('script, style, noscript, svg') || !node.getClientRects().length) continue;
    const [front, back] = [light(getComputedStyle(node).color), light(behind(node))];
    const contrast = (Math.max(front, back) + .05) / (Math.min(front, back) + .05);
    if (contrast < 3.5) found.add(`${node.tagName} ${node.className}: ${contrast.toFixed(1)}`);
  }
  return [...found].slice(0, 10);
}"""


@dataclass
class Seen:
    """What a page did and looked like; every list is empty where nothing is wrong.

    Attributes:
        said: Errors and warnings on the console, and scripts that failed.
        asked: Addresses outside the page that it asked for.
        opened: Dialogs, which none of our pages opens.
        undrawn: Charts without a mark, by scheme and width.
        broken: Links whose target is not in the page.
        wide: What makes the page scroll sideways.
        faint: Texts that do not stand out from what is behind them.
        charts: How many charts the page has.
    """

    said: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    undrawn: list = field(default_factory=list)
    broken: list = field(default_factory=list)
    wide: list = field(default_factory=list)
    faint: list = field(default_factory=list)
    charts: int = 0

    @property
    def faults(self):
        """Every list that is not empty, by name."""
        return {name: found for name, found in vars(self).items() if name != "charts" and found}


@contextmanager
def chromium():
    """Give a browser for several pages; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    if _CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=_CHROMIUM, args=[*as_root, "--host-resolver-rules=MAP * ~NOTFOUND"]
        )
        yield browser
        browser.close()


def look_at(browser, path, widths=WIDTHS, schemes=("light", "dark"), on_paper=True, site=None):
    """Open a page at several widths, in both schemes and as it is printed; a file is never asked for twice.

    Args:
        browser: Of `chromium`.
        path: The HTML file.
        widths: Of the window.
        schemes: ``light`` or ``dark``, as a system prefers.
        on_paper: Whether it is also looked at as it is printed.
        site: Folder of the pages that it belongs to, whose other files it may ask for; none where it stands alone.
    """
    seen = Seen()
    address = Path(path).absolute().as_uri()
    context = browser.new_context(viewport={"width": widths[0], "height": 900})
    page = context.new_page()
    page.set_default_timeout(180_000)  # a busy machine draws slowly
    page.on("console", lambda one: seen.said.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: seen.said.append(str(error)))
    page.on("dialog", lambda one: (seen.opened.append(one.message), one.dismiss()))

    def judge(route):
        own = route.request.url.partition("#")[0] == address
        own = own or route.request.url.startswith(("data:", "blob:"))
        own = own or (site is not None and route.request.url.startswith(f"{Path(site).absolute().as_uri()}/"))
        if not own:
            seen.asked.append(route.request.url)
        return route.continue_() if own else route.abort()

    page.route("**/*", judge)
    page.goto(address)
    _open_all(page)
    seen.broken += page.evaluate(_BROKEN)
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            _settle(page)
            charts = page.evaluate(_DRAWN)
            seen.charts = len(charts)
            seen.undrawn += [f"{name}, {scheme}, {width} px" for name, drawn in charts if not drawn]
            seen.wide += [f"{width} px: {found}" for found in page.evaluate(_TOO_WIDE)]
            _photograph(page, path, f"{scheme}-{width}")
        seen.faint += [f"{scheme}: {found}" for found in page.evaluate(_FAINT)]
    if on_paper:
        page.emulate_media(media="print", color_scheme="light")
        page.set_viewport_size({"width": _PRINTED, "height": 1000})
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        _settle(page)
        seen.wide += [f"on paper: {found}" for found in page.evaluate(_TOO_WIDE)]
        seen.faint += [f"on paper: {found}" for found in page.evaluate(_FAINT)]
        _photograph(page, path, "paper")
    context.close()
    return seen


def _open_all(page):
    """Open what is folded and pass everything by, so that what waits to be seen is drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-chart]')].every((data) => {"
        "  const place = document.getElementById(data.dataset.chart); place.scrollIntoView();"
        "  return place.querySelector('svg, canvas') !== null; })",
        polling=100,
    )


def _settle(page):
    """Wait until charts have followed the new width: two frames, and what plotly's observer puts off."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 250)))")


def _photograph(page, path, name):
    folder = os.environ.get("QUANTDL_SCREENSHOTS")
    if folder:
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=Path(folder) / f"{Path(path).stem}-{name}.png", full_page=True)
