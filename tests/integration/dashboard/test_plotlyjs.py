"""The script of Plotly, served from its Python package."""

import gzip

from django.test import Client
from django.urls import reverse

from thor.dashboard import plotlyjs


def test_the_page_names_the_script_by_its_version(trader: Client) -> None:
    address = reverse("plotly", args=[plotlyjs.installed_version()])

    assert f'<script src="{address}" defer>' in trader.get("/").content.decode()


def test_the_script_may_be_kept_for_ever(trader: Client) -> None:
    answer = trader.get(reverse("plotly", args=[plotlyjs.installed_version()]))

    assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"plotly.js" in answer.content[:200]


def test_the_script_is_compressed_for_those_who_can_read_it(trader: Client) -> None:
    address = reverse("plotly", args=[plotlyjs.installed_version()])

    answer = trader.get(address, headers={"accept-encoding": "gzip, br"})

    assert answer["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in answer["Vary"]
    assert gzip.decompress(answer.content) == plotlyjs.source()


def test_another_version_is_not_found(trader: Client) -> None:
    assert trader.get("/plotly-0.0.1.min.js").status_code == 404
