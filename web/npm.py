"""Static files from npm: served from node_modules, never copied into the repository."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.files.storage import FileSystemStorage, Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

NODE_MODULES = Path(settings.BASE_DIR) / "node_modules"
NPM_FILES: Final = {  # what pages load from npm: name under static/ -> file under node_modules/
    "npm/tabler.min.css": "@tabler/core/dist/css/tabler.min.css",
    "npm/inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "npm/htmx.min.js": "htmx.org/dist/htmx.min.js",
    "npm/hx-sse.min.js": "htmx.org/dist/ext/hx-sse.min.js",
    "npm/chart.min.js": "chart.js/dist/chart.umd.min.js",
}


class NpmFinder(BaseFinder):
    """Finds the files of `NPM_FILES`, and nothing else, under node_modules/."""

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Report a file that is missing after `npm ci`."""
        missing = [source for source in NPM_FILES.values() if not (NODE_MODULES / source).is_file()]
        hint = "Run `npm ci` in the project's folder."
        return [Error(f"{source} is not in node_modules/.", hint=hint, id="web.E001") for source in missing]

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the file behind the static name `path`; an empty list when it is none of ours."""
        source = NPM_FILES.get(path)
        if source is None:
            return []
        return [str(NODE_MODULES / source)] if find_all else str(NODE_MODULES / source)

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, Storage]]:
        """Yield (static name, storage that opens it by that name), as `collectstatic` wants it."""
        for name in NPM_FILES:
            yield name, _Renamed(NODE_MODULES)


class _Renamed(FileSystemStorage):
    """node_modules/ under the static names of `NPM_FILES`."""

    def path(self, name: str) -> str:
        return super().path(NPM_FILES[name])


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Names with a hash of the content, also inside CSS and JS; source map comments stay as they are."""

    patterns = tuple(  # Django's own, except those for source maps, which we do not serve
        (files, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for files, rules in CompressedManifestStaticFilesStorage.patterns
    )
    support_js_module_import_aggregation = True  # our ES modules import each other by hashed names
    manifest_strict = not settings.DEBUG

    @cached_property
    def _urls(self) -> dict[str, str]:
        return {}

    def url(self, name: str, force: bool = False) -> str:
        """Return the URL of a file, computed once: a page asks for dozens, and the manifest does not change."""
        if name not in self._urls:
            self._urls[name] = super().url(name, force)
        return self._urls[name]
