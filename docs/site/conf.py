"""How Sphinx makes the site (`make docs`) of the Markdown files of the repository, where they lie."""

import builtins
import re
import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

import notebook  # noqa: E402
import python_api  # noqa: E402

project = "crawlrank"
author = "the authors of crawlrank"
version = release = re.findall(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[0]
language = "en"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown", ".ipynb": "markdown"}
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
root_doc = "docs/index"
include_patterns = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "benches/README.md",
    "crates/*/README.md",
    "docs/*.md",
    "docs/tutorials/*.md",
    "notebooks/*.ipynb",
    "notebooks/README.md",
]
# Others are not even looked into: a walk through target/ takes longer than the site.
exclude_patterns = [".*", "target", "dist", "out", "benches/peers", "fuzz", "python"]
suppress_warnings = ["misc.highlighting_failure"]  # a diagram is no language
highlight_language = "none"
maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"

html_theme = "alabaster"
html_title = "crawlrank"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
html_additional_pages = {"index": "to-first-page.html"}
html_use_index = False
html_domain_indices = False
templates_path = ["templates"]
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html", "localtoc.html"]}
html_theme_options = {
    "description": "Common Crawl shards to a ranked web graph in Parquet, on one machine",
    "page_width": "960px",
    "sidebar_width": "250px",
    "body_max_width": "none",
    "fixed_sidebar": True,
    "show_powered_by": False,
    "show_relbar_bottom": True,
    "font_family": "system-ui, sans-serif",
    "head_font_family": "system-ui, sans-serif",
    "font_size": "16px",
}


def setup(app: Sphinx) -> None:
    """Fits what is taken from elsewhere into its page."""
    app.connect("env-get-outdated", lambda *_: ["docs/python"])  # its sources are not in the page
    app.connect("source-read", show_notebook)
    app.connect("source-read", insert_python_api)
    app.connect("include-read", lead_links_upward)
    app.connect("doctree-read", leave_builtins_alone)


def show_notebook(app: Sphinx, page: str, text: list[str]) -> None:
    """Notebooks are committed with their outputs: a page shows them as they are, and nothing runs."""
    if app.env.doc2path(page).suffix == ".ipynb":
        text[0] = notebook.markdown(text[0])


def insert_python_api(_app: Sphinx, _page: str, text: list[str]) -> None:
    """Puts the reference of a module where a page has `<!-- module: NAME -->`."""
    text[0] = re.sub(r"<!-- module: ([\w.]+) -->", lambda found: python_api.markdown(ROOT, found[1]), text[0])


def lead_links_upward(_app: Sphinx, _path: Path, _page: str, text: list[str]) -> None:
    """Pages in docs/ include files of the folder above, whose relative links begin there."""
    text[0] = re.sub(r"\]\((?![a-z]+:|#)", "](../", text[0])


def leave_builtins_alone(_app: Sphinx, page: nodes.document) -> None:
    """The type `bytes` is Python's, not the attribute `bytes` of one of our classes."""
    for reference in list(page.findall(pending_xref)):
        target = reference["reftarget"]
        if reference["refdomain"] == "py" and target.islower() and hasattr(builtins, target):
            reference.replace_self(reference.children)
