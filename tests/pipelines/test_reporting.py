"""A judged run leaves a page for people, made of what its stages recorded; the terminal tells where it is."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from judged_runs import human_run, small_base
from report_builder import study_record

from pipelines import evaluate
from pipelines.cli import main
from pipelines.job import Job
from pipelines.reporting import write_study_report


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A run of human videos, judged."""
    found = human_run(tmp_path_factory.mktemp("run"), base=small_base(tmp_path_factory.mktemp("base")))
    evaluate.run(found)
    return found


def test_the_page_holds_the_record_the_films_and_where_it_came_from(job: Job):
    folder = evaluate.run(job)
    page = (folder / "report.html").read_text(encoding="utf-8")
    start = page.index('id="evaluation">') + len('id="evaluation">')
    record = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert json.loads(page[start : page.index("</script>", start)]) == record
    assert page.count('data-who="base"') == record["windows"]
    for words in ("not applicable: human video carries no action labels", "robot effect", "loss: imagining video"):
        assert words.lower() in page.lower()
    assert "show pour_2" in page  # the held-out window's instruction
    assert "train.batch_size" in page
    assert "wam-adapt" in page


def test_the_page_tells_nothing_of_the_machine(job: Job):
    page = (evaluate.run(job) / "report.html").read_text(encoding="utf-8")
    assert job.run not in page
    assert job.source not in page
    assert str(Path(job.recipe.base).parent) not in page
    # Two processes train what one does, so the page of both must be the same.
    assert "train.devices" not in page


def test_a_study_has_its_page_too(job: Job, tmp_path: Path):
    study = replace(study_record(), body="human_hand")
    page = write_study_report(tmp_path, job, study).read_text(encoding="utf-8")
    assert "Did the new data help?" in page
    assert "show pour_0" in page


def test_the_terminal_tells_where_the_page_is(job: Job, capsys: pytest.CaptureFixture[str]):
    assert main(["evaluate", "--run", job.run]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"report: {evaluate.run(job) / 'report.html'}" in told


def test_what_is_done_already_is_shown_without_loading_lightning() -> None:
    look = "import sys, pipelines.evaluate, pipelines.reporting, pipelines.study; sys.exit('lightning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
