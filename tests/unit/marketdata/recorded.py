"""Write small recordings in LEAN's layout."""

import zipfile
from pathlib import Path


def write_zip(folder: Path, place: str, *texts: str) -> Path:
    """Write a zip such as equity/usa/tick/spy/20131007_trade.zip with one CSV for each text."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{path.stem}_{number}.csv", text)
    return path
