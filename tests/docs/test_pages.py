"""The built pages in a real headless browser: wide and narrow, light and dark, without network.

Build them first: ``sphinx-build -W --keep-going -n docs docs/_build/html``.
"""

import functools
import http.server
import inspect
import os
import shutil
import threading
from pathlib import Path

import pytest

from skcolorize import Colorizer
from skcolorize._base import project_url

HTML = Path(__file__).parents[2] / "docs" / "_build" / "html"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MAY_SKIP = "SKCOLORIZE_REQUIRE_BROWSER" not in os.environ
PAGES = [
    "index",
    "user_guide/limits",
    "api",
    "generated/skcolorize.Colorizer",
    "auto_examples/index",
    "auto_examples/plot_colour_a_photo",
    "contributing",
]

pytestmark = [
    pytest.mark.skipif(not (HTML / "index.html").exists(), reason="the documentation is not built"),
    pytest.mark.skipif(BROWSER is None and MAY_SKIP, reason="no chromium is installed"),
]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site():
    """Address of the built pages: the search works over http only."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=HTML))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, site):
    """Open a page at a width, in light or dark; its faults and requests to elsewhere fail the test."""
    faults, pages = [], []

    def open_page(name, width=1280, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: m.type == "error" and "load" not in m.text and faults.append(m.text))
        page.on("requestfailed", lambda request: faults.append(request.url))
        page.on("request", lambda r: r.url.startswith((site, "data:")) or faults.append(f"asks for {r.url}"))
        page.on("response", lambda r: r.ok or faults.append(f"{r.status} {r.url}"))
        page.goto(f"{site}/{name}.html", wait_until="networkidle")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_overflows_and_pictures_load(opened, name, width, scheme):
    page = opened(name, width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    beside = "[...document.querySelectorAll('.bd-sidebar-secondary a')].filter(a => a.offsetParent)"
    assert page.evaluate(f"Math.max(0, ...{beside}.map(a => a.getBoundingClientRect().right))") <= width
    empty = "[...document.images].filter(i => i.offsetParent && !(i.complete && i.naturalWidth))"
    page.evaluate("document.querySelectorAll('img[loading=lazy]').forEach(i => i.loading = 'eager')")
    page.wait_for_function(f"({empty}).length === 0", timeout=5000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(opened, scheme):
    """Text and background differ by a contrast of 4.5 at least (WCAG AA), in the prose and the house."""
    page = opened("contributing", 1280, scheme)
    assert page.get_attribute("html", "data-theme") == scheme
    for text, background in (("article p", "body"), (".house text", ".house rect")):
        colors = [
            page.evaluate(f"getComputedStyle(document.querySelector('{where}'))['{what}']")
            for where, what in (
                (text, "fill" if "house" in text else "color"),
                (background, "fill" if "house" in background else "background-color"),
            )
        ]
        assert contrast(*colors) >= 4.5, colors


def contrast(*colors: str) -> float:
    """WCAG's contrast of two CSS colours ``rgb(r, g, b)``."""
    luminances = []
    for color in colors:
        levels = [float(v) / 255 for v in color[color.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels)
        luminances.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_the_front_pages_strip_is_moved_by_mouse_and_keyboard(opened):
    page = opened("index")
    shown = "getComputedStyle(document.querySelector('.before-after .after')).clipPath"
    assert "50%" in page.evaluate(shown)
    page.focus(".before-after input")
    page.keyboard.press("Home")
    assert page.evaluate(shown) in ("inset(0px)", "inset(0px 0px 0px 0%)")
    box = page.locator(".before-after").bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    left = float(page.evaluate(shown).rstrip("%)").split()[-1])
    assert 70 < left < 80


def test_every_example_has_a_picture():
    examples = sorted((HTML.parents[2] / "examples").glob("plot_*.py"))
    pictures = [HTML / "_images" / f"sphx_glr_{path.stem}_001.png" for path in examples]
    assert len(examples) >= 12 and not [path for path in pictures if not path.exists()]


def test_the_reference_links_to_the_lines_of_the_source(opened):
    page = opened("generated/skcolorize.Colorizer")
    links = page.eval_on_selector_all("a:has(.viewcode-link)", "all => all.map(a => a.href)")
    repository, _, line = links[0].rpartition("#L")
    assert repository == project_url("Repository") + "/blob/main/skcolorize/_colorizer.py"
    first, last = map(int, line.split("-L"))
    source = inspect.getsource(Colorizer).splitlines()
    assert last - first + 1 == len(source) > 500


def test_search_finds_colorizer(opened):
    page = opened("search")
    page.goto(page.url + "?q=Colorizer")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    links = page.eval_on_selector_all("#search-results li a", "all => all.map(a => a.href)")
    assert any("skcolorize.Colorizer.html" in link for link in links)


def test_copying_leaves_prompts_out(opened):
    page = opened("user_guide/saving")
    assert page.locator("button.copybtn").count() > 0
    assert ">>> " in page.locator("div.highlight pre").first.inner_text()
