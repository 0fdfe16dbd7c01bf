"""Sphinx configuration: `sphinx-build -W --keep-going -n docs docs/_build/html`, offline, no warning."""

import os
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

from skcolorize import __version__  # noqa: E402
from skcolorize._base import project_url  # noqa: E402

project = "skcolorize"
author = "the skcolorize developers"
copyright = f"{author}, BSD-3-Clause"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.linkcode",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_ext", "auto_examples/*.ipynb", "auto_examples/*.py"]
exclude_patterns += ["user_guide/performance_figures.md"]  # part of performance.rst
default_role = "code"

# -- API reference

autodoc_typehints = "none"  # the docstrings tell types, shapes and ranges
autosummary_generate = True
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the class template lists them

# -- gallery

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "within_subsection_order": "gallery.ReadingOrder",
    "doc_module": ("skcolorize",),
    "reference_url": {"skcolorize": None},
    "backreferences_dir": "generated/backreferences",
    "copyfile_regex": r".*\.rst",
    "capture_repr": ("_repr_html_",),
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "image_srcset": ["2x"],
}

# -- references

# Our own addresses are written once, in project.urls of pyproject.toml.
linkcode_resolve = import_module("sources").source_address

# Links into other projects need the network, so they are made only on request; else names stay plain.
if os.environ.get("SKCOLORIZE_INTERSPHINX"):
    extensions.append("sphinx.ext.intersphinx")
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "sklearn": ("https://scikit-learn.org/stable", None),
        "skimage": ("https://scikit-image.org/docs/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }
nitpick_ignore_regex = [
    (r"py:.*", r"(sklearn|numpy|np|torch|torchvision|skimage|PIL|pandas|joblib|matplotlib)\..*"),
]

# -- pages

html_theme = "pydata_sphinx_theme"
html_title = "skcolorize"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skcolorize"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "icon_links": [
        {"name": "Repository", "url": project_url("Repository"), "icon": "fa-brands fa-github"},
    ],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "changelog": [], "contributing": []}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"


def skip_metadata_requests(app, what, name, obj, skip, options):
    """scikit-learn puts set_*_request on every class, documented with links into its own pages."""
    return skip or (name.startswith("set_") and name.endswith("_request")) or None


def setup(app):
    app.connect("autodoc-skip-member", skip_metadata_requests)
    make_strip = import_module("strip").make_front_page_strip
    app.connect("builder-inited", lambda app: make_strip(HERE / "_static" / "made"))
