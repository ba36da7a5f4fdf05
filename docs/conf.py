"""How the documentation is built: `make docs`, or `python -m sphinx -W --keep-going docs docs/_build/html`.

Nothing is fetched, neither while it is built nor while it is read: fonts are the reader's own, formulas are MathML, and
the search runs in the browser on an index that is a file beside the pages.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

from quantdl import __version__

project = "quantdl"
author = "The quantdl authors"
copyright = "the quantdl authors, Apache-2.0"  # noqa: A001 - the name that Sphinx reads
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "docstring_stars",
    "generated_pages",
    "mathml",
    "plain_signatures",
    "repository_links",
]
exclude_patterns = ["_build", "_extensions", "_static"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
nitpicky = False  # annotations name types of other libraries, which are not linked: nothing is fetched
default_role = "py:obj"
suppress_warnings = ["myst.header"]  # pages of the repository may begin below the second level

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
maximum_signature_line_length = 100
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
napoleon_custom_sections = [("Shape", "params_style"), "Example"]
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"quantdl {release}"
html_static_path = ["_static"]
html_css_files = ["quantdl.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_search_summary = False  # a browser reads no other page of a folder, so results would end in errors
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
html_last_updated_fmt = None
