"""The page of photos before and after: what is in it, and that it works in a real browser, offline."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
from photo_files import gray_scene
from PIL import Image

from skcolorize.cli import main

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture
def page(photos, model, tmp_path, capsys):
    """The page of two photos, an album of two pages, and a broken file; and what was printed of it."""
    (photos / "broken <&>.png").write_bytes(b"")
    levels = [Image.fromarray(gray_scene()), Image.fromarray(gray_scene()[::-1].copy())]
    levels[0].save(photos / "album.tif", save_all=True, append_images=levels[1:])
    out = tmp_path / "out"
    options = ["--model", model, "--page", "--alternatives", "1", "--format", "png"]
    assert main(["colorize", str(photos), "-o", str(out), *options]) == 1
    return out / "index.html", capsys.readouterr().out


def test_it_says_its_size_and_asks_for_nothing(page):
    path, printed = page
    text = path.read_text()
    megabytes = f"{path.stat().st_size / 1e6:.1f} MB"
    assert f"page of {megabytes}: {path}" in printed
    assert re.search(r'<span id="size"> *' + re.escape(megabytes) + "</span>", text)
    assert text.count('src="data:image/webp;base64,') == text.count("src=") == 2 * 4
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("broken &lt;&amp;&gt;.png") == 2  # its path, and its error
    assert "<&>" not in text
    assert "<c>" not in text


def test_a_page_that_is_there_is_not_replaced_unasked(page, photos, model, capsys):
    command = [
        "colorize",
        str(photos / "a.png"),
        "-o",
        str(page[0].parent / "more"),
        "--model",
        model,
        "--page",
    ]
    assert main(command) == 0
    (page[0].parent / "more/a.png").unlink()
    assert main(command) == 2
    assert "index.html' is there already" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8(photos, model, tmp_path):
    Image.fromarray(gray_scene()).save(os.fsdecode(os.fsencode(photos) + b"/caf\xe9.png"))
    with open(os.fsencode(photos) + b"/br\xfbl\xe9.png", "wb"):
        pass
    out = os.fsdecode(os.fsencode(tmp_path) + b"/colour\xe9")
    command = ["colorize", str(photos), "-o", out, "--model", model, "--page"]
    program = "import sys; from skcolorize._batch import _report; _report.find_spec = lambda name: None\n"
    program += "from skcolorize.cli import main; sys.exit(main(sys.argv[1:]))"  # with lines in place of a bar
    ended = subprocess.run(
        [sys.executable, "-c", program, *command],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert b"2/4 failed: " in ended.stderr and b"3/4 done: " in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(b"failed: ")
    assert rb"/colour\udce9" in ended.stdout
    text = pathlib.Path(out, "index.html").read_text(encoding="utf-8")
    assert '<a href="caf%E9.png">caf?.png</a>' in text and "br?l?.png: " in text


@pytest.fixture
def opened(page):
    """The page in a headless browser that has no network, and the faults it meets."""
    if "SKCOLORIZE_REQUIRE_BROWSER" not in os.environ:
        pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
        if BROWSER is None:
            pytest.skip("no chromium on this machine (apt-get install chromium)")
    from playwright import sync_api as playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=flags, headless=True)
        context = browser.new_context(offline=True, viewport={"width": 400, "height": 800}, has_touch=True)
        tab, faults = context.new_page(), []
        tab.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda request: faults.append(request.url) if request.url[:4] == "http" else None)
        tab.goto(page[0].as_uri())
        yield tab, faults
        browser.close()


def test_in_a_browser(opened, page):
    tab, faults = opened
    pairs = tab.locator(".pair")
    assert pairs.count() == 4
    widths = tab.eval_on_selector_all("img", "images => images.map(i => i.complete && i.naturalWidth)")
    assert widths == [56] * 8
    right = "boxes => Math.max(...boxes.map(box => box.getBoundingClientRect().right))"
    assert tab.eval_on_selector_all("body *", right) <= 400  # nothing sticks out of a phone's screen
    assert tab.locator("#failures li").count() == 1

    def at() -> float:
        return float(pairs.first.evaluate("pair => pair.style.getPropertyValue('--at')").rstrip("%"))

    assert at() == 50
    slider = tab.get_by_role("slider").first
    slider.focus()
    tab.keyboard.press("Home")
    assert at() == 0
    tab.keyboard.press("End")
    assert at() == 100
    box = slider.bounding_box()
    tab.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    assert at() == pytest.approx(25, abs=2)
    tab.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    assert at() == pytest.approx(75, abs=2)
    hidden = pairs.first.locator("img").nth(1).evaluate("image => getComputedStyle(image).clipPath")
    assert "inset(" in hidden
    assert faults == []


def test_nothing_of_one_picture_shines_through_the_other(opened):
    """Where a photo is transparent, too."""
    tab, _ = opened
    pair = tab.locator(".pair").first
    pair.evaluate("pair => pair.style.setProperty('--at', '50%')")
    images = [pair.locator("img").nth(i) for i in (0, 1)]
    clips = [image.evaluate("image => getComputedStyle(image).clipPath") for image in images]
    assert clips == ["inset(0px 0px 0px 50%)", "inset(0px 50% 0px 0px)"]


def test_links_lead_to_the_files(opened, page):
    tab, _ = opened
    links = tab.eval_on_selector_all("a", "links => links.map(link => decodeURIComponent(link.pathname))")
    assert len(links) == 2 * 4
    assert all(os.path.isfile(link) for link in links)
