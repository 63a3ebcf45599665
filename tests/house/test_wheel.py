"""The wheel works away from the checkout: it finds its recipes, bodies, cards and the base's weights."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

FINDS = """
from pathlib import Path
import adapt, pipelines
here = Path.cwd()
assert here in Path(adapt.__file__).parents and here in Path(pipelines.__file__).parents
from adapt.hub.card import render_card  # its template is read when it is imported or used
from adapt.models.bases import load_base
from adapt.report import page  # likewise its templates
from pipelines.recipes import recipes_folder
from pipelines.schema import compose
base = load_base("tiny")
assert base.replay is not None and (base.replay / "clips.parquet").is_file()
assert compose("human").base == "tiny"
assert here in recipes_folder().parents
assert (recipes_folder() / "embodiment" / "g1_inspire.yaml").is_file()
assert list(here.glob("adapt/hub/_cards/*.j2"))
for name in ("report.html.j2", "parts.html.j2", "glossary.html", "report.css", "report.js"):
    assert page.read_part(name)
for name in ("doctor.html.j2", "doctor.css", "robot.html.j2", "robot.css"):
    assert page.read_part(name)
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's files, as an installer would lay them out."""
    out, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


def test_the_wheel_finds_everything_it_needs_in_another_place(unpacked: Path):
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    code = "import sys; sys.path.insert(0, '.')\n" + FINDS
    done = subprocess.run([sys.executable, "-c", code], cwd=unpacked, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_shipped_base_is_no_larger_than_25_megabytes(unpacked: Path):
    files = [path for path in (unpacked / "adapt" / "weights").rglob("*") if path.is_file()]
    assert 0 < sum(path.stat().st_size for path in files) <= 25e6


def test_the_wheel_brings_its_licence_and_its_command(unpacked: Path):
    info = next(unpacked.glob("wam_adapt-*.dist-info"))
    assert (info / "licenses" / "LICENSE").is_file()
    assert "wam-adapt = pipelines.cli:program" in (info / "entry_points.txt").read_text()
