"""Serve the script of Plotly from its Python package, under an address that changes with its version."""

import functools
import gzip
import importlib.metadata
import importlib.util
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

#: A browser may keep the file for a year without asking: another version has another address.
FOR_EVER = "private, max-age=31536000, immutable"


@functools.cache
def installed_version() -> str:
    """Return the version of the package, which names the address."""
    return importlib.metadata.version("plotly")


@functools.cache
def source() -> bytes:
    """Return the script; the package is found but not imported, which would cost each process its modules."""
    spec = importlib.util.find_spec("plotly")
    folders = spec.submodule_search_locations if spec else None
    return Path(next(iter(folders or []))).joinpath("package_data", "plotly.min.js").read_bytes()


@functools.cache
def compressed() -> bytes:
    """Return the script as gzip, made once a process: a third of the size on a slow line."""
    return gzip.compress(source(), 6, mtime=0)


@require_safe
def script(request: HttpRequest, version: str) -> HttpResponse:
    """Send the script, compressed where the browser can read it; there is no version but the installed one."""
    if version != installed_version():
        raise Http404
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = HttpResponse(compressed() if packed else source(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = FOR_EVER
    if packed:
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
