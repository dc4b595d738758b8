"""Configuration of Sphinx for the documentation site: `make docs` (ADR 59 says why Sphinx)."""

project = "Passerelle"
author = "the authors of Passerelle"
extensions = ["myst_parser"]
root_doc = "index"
language = "en"
html_theme = "furo"
html_title = "Passerelle"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
highlight_language = "none"  # blocks without a language are commands and files of several kinds
myst_heading_anchors = 4  # links name headings, as on GitHub
myst_enable_extensions = ["smartquotes"]
exclude_patterns = ["site", "files"]
