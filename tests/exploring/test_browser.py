"""The page in a browser, as a user handles it."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import netsim
from tests.exploring.networks import recordings

pytest.importorskip("starlette", reason="the extra explore is not installed")
pytest.importorskip("uvicorn", reason="the extra explore is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright.expect.set_options(timeout=180_000)  # loops of a regime may have to be compiled
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    served = netsim.explore("digits")
    yield served
    served.close()


@contextmanager
def _opened(browser: Any, address: str) -> Iterator[Any]:
    """The page at its first stimulus. Errors of its scripts fail the test."""
    context = browser.new_context(accept_downloads=True)
    context.set_default_timeout(180_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("body[data-shown]")
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(browser: Any, served: Any) -> Iterator[Any]:
    with _opened(browser, served.address) as page:
        yield page


@contextmanager
def _page_of(browser: Any, *model: Any) -> Iterator[Any]:
    served = netsim.explore(*model)
    try:
        with _opened(browser, served.address) as page:
            yield page
    finally:
        served.close()


def _expect(page: Any, part: str, text: str, there: bool = True) -> None:
    """Wait until a part of the page has a text, or has it no more."""
    expected = playwright.expect(page.locator(part))
    (expected.to_contain_text if there else expected.not_to_contain_text)(text)


def _spikes_that_differ(page: Any) -> int:
    return int(page.inner_text("#versus").split(". ")[1].split()[0])


def test_the_decision_appears(page: Any) -> None:
    assert page.inner_text("#decision").startswith("decides ")
    assert "netsim.present('digits', index=[0])" in page.inner_text("#python")


def test_a_digit_is_drawn(page: Any) -> None:
    page.click("#clear")
    _expect(page, "#count-stimulus", ", 0 in all")
    box = page.locator("#paper").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 20, steps=8)
    page.mouse.up()
    _expect(page, "#count-stimulus", ", 0 in all", there=False)
    assert "drawing=" in page.inner_text("#python")
    page.click("#undraw")
    _expect(page, "#python", "index=[0]")


def test_a_lesion_is_compared_and_restored_by_the_link(page: Any) -> None:
    assert _spikes_that_differ(page) == 0
    page.select_option("#click", "silenced")
    counted = page.inner_text("#count-hidden")
    page.evaluate("document.getElementById('map-hidden').focus()")
    for _ in range(40):  # neurons of the first rows, from the keyboard
        page.keyboard.press("ArrowRight")
        page.keyboard.press("l")
        if page.locator("#lesions button").count() >= 10:
            break
    page.wait_for_selector("body[data-busy=false]")
    assert page.inner_text("#count-hidden") != counted
    differing, decision = _spikes_that_differ(page), page.inner_text("#decision")
    assert differing > 0
    again = page.context.new_page()
    again.goto(page.url)
    again.wait_for_selector("body[data-shown]")
    assert again.inner_text("#decision") == decision
    assert again.locator("#lesions button").count() == page.locator("#lesions button").count()
    again.click("#reset")
    _expect(again, "#versus", ". 0 spikes")


def test_a_pinned_view_is_compared(page: Any) -> None:
    page.click("#pin")
    page.click("#next")
    _expect(page, "#versus", ". 0 spikes", there=False)
    assert "pinned" in page.inner_text("#versus")
    again = page.context.new_page()
    again.goto(page.url)
    _expect(again, "#versus", page.inner_text("#versus"))
    page.click("#unpin")
    _expect(page, "#versus", ". 0 spikes")


def test_exact_times_are_compared_with_the_grid(page: Any) -> None:
    page.select_option("#grid", "2")
    page.click("#exact")
    _expect(page, "#versus", ". 0 spikes", there=False)
    _expect(page, "#decision", "(grid of 2 ms). A: the same stimulus, exact times")
    page.click("#next")
    page.select_option("#dt", "event:0")
    _expect(page, "#versus", ". 0 spikes")  # A follows the stimulus
    page.select_option("#dt", "event:1")
    _expect(page, "#versus", ". 0 spikes", there=False)
    page.check("#beside")
    assert page.is_visible("#raster-a")
    assert page.locator("#differing button").count() > 5
    page.locator("#differing button").first.click()
    page.wait_for_selector("#causes button")
    page.click("#reset")
    _expect(page, "#versus", "and network, unchanged. 0 spikes")


def test_jitter_is_compared_with_the_unchanged_stimulus(page: Any) -> None:
    page.locator("#stimulus .slider", has_text="spike jitter").locator("input[type=range]").focus()
    page.keyboard.press("End")
    _expect(page, "#versus", ". 0 spikes", there=False)
    page.click("#count-over")
    _expect(page, "#over", "of 100 right, in A")


def test_numbers_are_exact_and_refused_out_of_range(page: Any) -> None:
    field = page.locator("#stimulus .slider", has_text="spike jitter").locator("input[type=number]")
    field.fill("5")
    field.press("Enter")
    _expect(page, "#python", "'spike-jitter': 5")
    page.click("#repeat")
    _expect(page, "#repeated", "Seeds 0 to 9 decide")
    field.fill("5000")
    field.press("Enter")
    _expect(page, "#error", "must be a number from 0 to")
    assert field.input_value() == "5"
    field.fill("5")  # a valid entry, also the same one, ends the message
    page.wait_for_selector("#error", state="hidden")
    page.fill("#index", "100000")
    page.press("#index", "Enter")
    _expect(page, "#error", "must be a whole number from 0 to 359")
    assert page.input_value("#index") == "0"


def test_wrong_and_close_decisions_are_found(page: Any) -> None:
    page.click("#next-close")
    _expect(page, "#searched", "1 of ")
    page.click("#next-close")
    _expect(page, "#searched", "2 of ")
    page.click("#next-wrong")
    _expect(page, "#searched", "wrong decisions")
    _expect(page, "#decision", "✗")


def test_a_label_filters_stimuli_and_searches(page: Any) -> None:
    page.select_option("#label", "4")
    for button in ("#next", "#next", "#previous", "#next-close", "#next-close"):
        page.click(button)
        page.wait_for_selector("body[data-busy=false]")
        assert page.evaluate("import('./state.js').then(({ page }) => page.about.labels[page.view.index])") == 4
    _expect(page, "#searched", "test stimuli with label 4")
    _expect(page, "#among", "with label 4")
    assert page.input_value("#label") == "4"


def test_everything_undone_comes_back(page: Any) -> None:
    page.click("#clear")
    _expect(page, "#decision", "nothing is shown, because no input fires")
    page.click("#pin")
    drawing = page.inner_text("#python")
    page.click("#reset")
    _expect(page, "#python", "index=[0]")
    page.click("#undo")
    _expect(page, "#python", drawing)
    _expect(page, "#decision", "pinned")
    page.keyboard.press("Control+Shift+z")
    _expect(page, "#python", "index=[0]")


def test_the_hidden_neuron_that_decides_is_named(page: Any) -> None:
    page.click("#decide")
    page.wait_for_selector("#deciders button")
    first = page.inner_text("#deciders tbody tr >> nth=0").split()
    assert first[0] in page.inner_text("#decider")
    assert "can rank" in page.inner_text("#measures")
    page.click("#deciders tbody tr >> nth=0 >> text=Lesion")
    _expect(page, "#lesions", first[0])
    _expect(page, "#margin", "Dashed lines are A")
    if "Press again" in page.inner_text("#decider"):  # on a slow machine
        page.click("#decide")
    page.wait_for_selector("#deciding:not(.old)")
    _expect(page, "#deciders", first[0], there=False)


def test_results_that_are_no_more_true_vanish(page: Any) -> None:
    page.click("#try")
    page.wait_for_selector("#effects li")
    page.select_option("#rival", "9")
    page.click("#try")
    _expect(page, "#outcome", "before 9")
    page.click("#next")
    assert page.input_value("#rival") == ""
    silent = "{ silenced: { output: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] } }"
    page.evaluate(f"import('./changing.js').then(({{ change }}) => change({silent}))")
    _expect(page, "#outcome", "No output fires, so there is no lead")
    assert page.locator("#effects *").count() == 0
    assert page.is_hidden("#error")


def test_the_menu_leads_to_every_part(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.click("#menu >> text=What if")
    top = page.evaluate("document.getElementById('what-if').getBoundingClientRect().top")
    assert 0 < top < 400


def test_a_lesioned_neuron_is_called_lesioned(page: Any) -> None:
    page.evaluate("document.getElementById('map-output').focus()")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("l")
    page.keyboard.press("Enter")
    _expect(page, "#which", "output:1 (1) is lesioned, would have fired at")
    page.keyboard.press("m")
    _expect(page, "#error", "output has no maps")
    assert page.locator("#lesions button").count() == 1
    _expect(page, "#lesion", "Remove lesion")
    page.click("#lesion")
    _expect(page, "#which", "output:1 (1) fires at")
    assert page.locator("#lesions button").count() == 0


def test_a_broken_link_is_told(browser: Any, served: Any) -> None:
    page = browser.new_page()
    page.goto(f"{served.address}#nonsense")
    page.wait_for_selector("body[data-shown]")
    page.wait_for_selector("body[data-busy=false]")
    _expect(page, "#error", "the link is broken")
    page.click("#next")
    page.wait_for_selector("#error", state="hidden")
    page.close()


def test_a_regime_and_a_delay_change_spikes(page: Any) -> None:
    page.select_option("#regime", "staggered")
    _expect(page, "#python", "regime='staggered'")
    _expect(page, "#versus", ". 0 spikes", there=False)
    page.click("#reset")
    _expect(page, "#versus", ". 0 spikes")
    page.locator("#changes input[type=range]").nth(1).focus()
    page.keyboard.press("End")
    _expect(page, "#python", "delay=8")
    _expect(page, "#versus", ". 0 spikes", there=False)


def test_each_pixel_is_tried_and_the_strongest_switched(page: Any) -> None:
    page.click("#try")
    _expect(page, "#outcome", "64 pixels were switched")
    before = page.inner_text("#outcome").split(" ms ")[0]
    page.click("#effects > button")
    _expect(page, "#python", "switched=")
    _expect(page, "#versus", ". 0 spikes", there=False)
    _expect(page, "#lesions", "pixel stimulus:")
    _expect(page, "#outcome", before, there=False)
    page.select_option("#part", "neurons:hidden")
    page.click("#try")
    _expect(page, "#outcome", "neurons were lesioned")
    page.click("#effects > button")
    _expect(page, "#lesions", "hidden:")
    page.select_option("#part", "neurons:output")
    _expect(page, "#outcome", "Press Try")
    assert page.locator("#effects *").count() == 0
    page.locator("#lesions button", has_text="pixel").click()
    _expect(page, "#python", "switched=", there=False)


def test_a_picture_is_loaded(page: Any, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (20, 20), 255).save(tmp_path / "white.png")
    page.set_input_files("#picture", tmp_path / "white.png")
    _expect(page, "#count-stimulus", ", 64 in all")
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    page.set_input_files("#picture", tmp_path / "text.png")
    _expect(page, "#error", "no picture that this browser can read")


def test_a_stimulus_is_drawn_with_keys(page: Any) -> None:
    page.click("#clear")
    _expect(page, "#count-stimulus", ", 0 in all")
    page.focus("#paper")
    for key in ("ArrowRight", " "):
        page.keyboard.press(key)
    _expect(page, "#count-stimulus", ", 1 in all")


def test_a_slider_moves_and_the_newest_value_wins(page: Any) -> None:
    slider = page.locator("#stimulus input[type=range]").first
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    _expect(page, "#python", "contrast=0.4")
    assert page.locator("#error").is_hidden()


def test_why_a_neuron_fired_is_followed_to_the_stimulus(page: Any) -> None:
    page.evaluate("document.getElementById('map-output').focus()")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#causes button")
    assert "output:1" in page.inner_text("#which")
    page.click("#follow-back")
    _expect(page, "#trace", "stimulus:")
    assert page.locator("#fields figure").count() == 2  # causal spikes and weights
    page.locator("#causes button").first.click()
    _expect(page, "#which", "hidden:")
    page.locator("#causes button").first.click()
    _expect(page, "#which", "stimulus:")
    page.click("#back")
    _expect(page, "#which", "hidden:")


def test_time_passes(page: Any) -> None:
    page.evaluate("const c = document.getElementById('cursor'); c.value = 0; c.dispatchEvent(new Event('input'))")
    assert " 0 of 200 " in f" {page.inner_text('#count-hidden').split(': ')[1]} "
    page.select_option("#speed", "1")
    page.click("#play")
    _expect(page, "#play", "Play")
    assert float(page.input_value("#cursor")) == float(page.get_attribute("#cursor", "max"))


@pytest.mark.parametrize(
    ("button", "begin"),
    [
        ("[data-figure=png]", b"\x89PNG"),
        ("[data-figure=svg]", b"<?xml"),
        ("[data-figure=pdf]", b"%PDF"),
        ("#table", b"presentation,"),
    ],
)
def test_exports_open(page: Any, button: str, begin: bytes) -> None:
    page.click("#next")
    with page.expect_download() as waiting:
        page.click(button)
    assert waiting.value.suggested_filename.startswith("digits-1-spikes.")
    assert Path(waiting.value.path()).read_bytes().startswith(begin)


def test_the_page_fits_a_telephone(page: Any) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_loop_of_excitation_and_inhibition_is_explored(browser: Any, idx_data: Path) -> None:
    model = netsim.load_model("ei-mnist")
    stimuli = netsim.load_splits(model.network, data_dir=str(idx_data)).test.first(20)
    with _page_of(browser, model, stimuli) as page:
        page.locator("#changes input[type=range]").nth(2).focus()  # noise of weights
        page.keyboard.press("End")
        _expect(page, "#versus", ". 0 spikes", there=False)
        page.click("#reset")
        page.click("#decide")
        _expect(page, "#decider", "tory:")
        page.click("#deciders button >> nth=0")
        _expect(page, "#fields", "inhibitory: ")
        _expect(page, "#fields", "stimulus: ")


def test_the_plane_of_yin_yang_follows_the_mouse(browser: Any) -> None:
    with _page_of(browser, "yin-yang") as page:
        assert page.locator(".slider", has_text="pixels").count() == 0
        page.check("#follow")
        box = page.locator("#points").bounding_box()
        decisions = set()
        for x, y in ((0.25, 0.5), (0.5, 0.85), (0.5, 0.15)):  # dot, yin and yang
            before = page.inner_text("#decision")
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            _expect(page, "#decision", before, there=False)
            decisions.add(page.inner_text("#decision").split()[1])
        assert len(decisions) == 3
        page.focus("#points")
        before = page.inner_text("#python")
        page.keyboard.press("ArrowLeft")
        _expect(page, "#python", before, there=False)


def test_a_loop_and_recordings_of_events_are_explored(browser: Any) -> None:
    with _page_of(browser, *recordings()) as page:
        assert page.is_hidden("#paper")
        page.evaluate("document.getElementById('map-loop').focus()")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        _expect(page, "#fields", "loop: receptive field")
        page.click("#follow-back")
        page.wait_for_selector("#trace canvas")
        page.select_option("#part", "maps:maps")
        page.click("#try")
        _expect(page, "#outcome", "3 maps were lesioned")
        _expect(page, "#effects", "of the first 3 test stimuli")
        page.locator("#effects td button").first.click()
        _expect(page, "#lesions", "map maps:")
        page.select_option("#part", "pixels:stimulus")
        page.click("#try")
        _expect(page, "#outcome", "128 pixels were switched")


def test_the_demo_of_the_documentation_needs_no_server(browser: Any, tmp_path: Path) -> None:
    docs = Path(netsim.__file__).parent.parent / "docs"
    if not docs.is_dir():
        pytest.skip("the documentation is not there")
    spec = importlib.util.spec_from_file_location("explorer_demo", docs / "_extensions" / "explorer_demo.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    stored = (docs / f"{made.DEMO}.json.gz").read_bytes()
    (tmp_path / "demo.html").write_text(made.demo(stored), encoding="utf-8")
    with _opened(browser, (tmp_path / "demo.html").as_uri()) as page:
        _expect(page, "#decision", "decides 0")
        page.click("#next")
        _expect(page, "#decision", "decides 1")
        page.evaluate("document.getElementById('map-output').focus()")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.click("#causes button >> nth=0")
        _expect(page, "#which", "hidden:")
        page.click("#try")
        _expect(page, "#outcome", "64 pixels were switched")
        page.locator("#effects li button").first.click()
        _expect(page, "#error", "this demo cannot be changed")
        assert page.is_hidden("#pin")


def test_a_server_that_has_ended_is_told(browser: Any) -> None:
    served = netsim.explore("digits")
    page = browser.new_page()
    page.goto(served.address)
    page.wait_for_selector("body[data-shown]")
    served.close()
    page.click("#next")
    page.wait_for_selector("#error:not([hidden])")
    assert "start it again" in page.inner_text("#error")
    page.close()
