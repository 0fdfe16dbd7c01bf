"""What all estimators share: rules for parameters, the link to the docs, callbacks, tags."""

import re
import tomllib
from numbers import Integral, Real
from pathlib import Path

import numpy as np
import pytest
from small import small

from skcolorize import Colorizer, _base, preprocessing
from skcolorize._base import Interval, Options, check_parameters

ROOT = Path(__file__).parents[1]
ESTIMATORS = [Colorizer(), *(getattr(preprocessing, name)() for name in preprocessing.__all__)]


@pytest.mark.parametrize(
    ("rule", "accepted", "refused", "text"),
    [
        (Interval(Integral, 1), [1, np.int64(3)], [0, 1.0, True, "1", None], "an int in the range [1, inf)"),
        (Interval(Integral, 1, 3), [1, 3], [4], "an int in the range [1, 3]"),
        (
            Interval(Real, 0, open_low=True),
            [1, 0.1, np.float32(2)],
            [0, float("nan"), np.bool_(1)],
            "(0, inf)",
        ),
        (Interval(Real, 0, 1, open_high=True), [0, 0.5], [1, -0.1], "a float in the range [0, 1)"),
        (Options(("a", "b")), ["a"], ["c", 1, None, ["a"]], "a str among {'a', 'b'}"),
        (Options(("auto",)), ["auto"], [True], "'auto'"),
        (_base.BOOLEAN, [True, np.bool_(0)], [1, "True", None], "an instance of 'bool'"),
        (_base.N_JOBS, [1, -1, None, np.int64(2)], [0, -2, 1.0], "a positive int, -1 or None"),
        (_base.RANDOM_STATE, [0, None, np.random.RandomState(0)], [-1, 0.5, "0"], "or None"),
        (_base.PATH, ["a"], [b"a", 1], "a path"),
    ],
    ids=str,
)
def test_rules(rule, accepted, refused, text):
    assert all(rule.accepts(value) for value in accepted)
    assert not any(rule.accepts(value) for value in refused)
    assert text in str(rule)


def test_a_message_says_parameter_constraint_and_value():
    rules = {"size": (Interval(Integral, 1), _base.NONE)}
    check_parameters("Thing", rules, {"size": None})
    with pytest.raises(ValueError) as caught:
        check_parameters("Thing", rules, {"size": 0.5})
    expected = "The 'size' parameter of Thing must be an int in the range [1, inf) or None. Got 0.5 instead."
    assert str(caught.value) == expected


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_every_parameter_has_a_rule(estimator):
    assert set(estimator._parameter_rules) == set(estimator.get_params(deep=False))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_the_html_repr_links_to_our_docs_where_we_have_an_address(estimator, monkeypatch):
    monkeypatch.setattr("skcolorize._base.project_url", lambda label: "")
    assert "href=" not in estimator._repr_html_()
    monkeypatch.setattr("skcolorize._base.project_url", lambda label: f"https://example.org/{label}/")
    name = type(estimator).__name__
    module = "skcolorize" if name == "Colorizer" else "skcolorize.preprocessing"
    assert (
        f'href="https://example.org/Documentation/generated/{module}.{name}.html"' in estimator._repr_html_()
    )


def test_the_addresses_are_those_of_pyproject(tmp_path, monkeypatch):
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    assert set(written) == {"Documentation", "Repository", "Changelog", "Issues"}
    metadata = tmp_path / "skcolorize-9.dist-info" / "METADATA"  # as an installer writes it
    metadata.parent.mkdir()
    urls = "".join(f"Project-URL: {label}, {address}\n" for label, address in written.items())
    metadata.write_text(f"Metadata-Version: 2.4\nName: skcolorize\nVersion: 9\n{urls}")
    monkeypatch.syspath_prepend(tmp_path)
    _base.project_url.cache_clear()
    try:
        assert {label: _base.project_url(label) for label in written} == written
        assert _base.project_url("Funding") == ""
        page = "generated/skcolorize.Colorizer.html"
        assert f'href="{written["Documentation"]}{page}"' in Colorizer()._repr_html_()
    finally:
        _base.project_url.cache_clear()


def test_the_addresses_stand_once():
    files = [path for room in ("skcolorize", "docs", "examples") for path in (ROOT / room).rglob("*")]
    made = {"_build", "auto_examples", "generated"}  # by a build of the docs
    written = [p for p in files if p.suffix in {".py", ".rst", ".md"} and not made & set(p.parts)]
    texts = {path: path.read_text(encoding="utf-8") for path in written}
    assert len(texts) > 100
    assert not [path for path, text in texts.items() if re.search(r"readthedocs\.io|hub\.com/skcol", text)]


def test_verbose_repr_is_short():
    assert repr(small()).startswith("Colorizer(encoder='squeezenet1_1', image_size=32")
