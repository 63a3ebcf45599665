import json
import shutil

import pytest

from adapt.errors import RecipeError, RunError
from pipelines.job import Job, load_job, save_job
from pipelines.schema import compose


def a_job(run, **changes) -> Job:
    values = {"kind": "human", "source": "/videos", "run": str(run), "task": "don't spill, (slowly) \u30b3\u30c3\u30d7"}
    return Job(**{**values, "recipe": compose("human", ["train.steps=7"]), **changes})


def test_a_job_comes_back_as_it_was_saved(tmp_path):
    job = a_job(tmp_path / "new" / "run")
    save_job(job)
    assert load_job(tmp_path / "new" / "run") == job


def test_saving_the_same_job_again_touches_nothing(tmp_path):
    path = save_job(a_job(tmp_path))
    before = path.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns
    save_job(a_job(tmp_path))
    assert (path.stat().st_mtime_ns, tmp_path.stat().st_mtime_ns) == before


def test_a_run_folder_that_was_moved_is_found_where_it_is_now(tmp_path):
    save_job(a_job(tmp_path / "here"))
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert load_job(tmp_path / "there").run == str(tmp_path / "there")


def test_a_folder_without_a_job_is_refused_with_the_command_that_starts_one(tmp_path):
    with pytest.raises(RunError, match=r"no job.json; start one with: wam-adapt adapt human VIDEOS --out"):
        load_job(tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"format": 2}, RunError, "format 2, this version reads 1"),
        ({"colour": "red"}, RunError, r"damaged \(keys \['colour'\]\)"),
        ({"kind": "cat"}, RunError, "damaged"),
        ({"task": 3}, RunError, "damaged"),
        ({"recipe": {"train": {"stpes": 1}}}, RecipeError, r"job.json: there is no key 'train.stpes'.*'train.steps'"),
        ({"recipe": {"train": {"steps": 0}}}, RecipeError, "job.json: train.steps is 0"),
    ],
)
def test_a_job_is_read_strictly(tmp_path, change, error, message):
    path = save_job(a_job(tmp_path))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(error, match=message):
        load_job(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_job_says_what_to_type(tmp_path, text):
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(RunError, match=r"damaged.*give the whole `wam-adapt adapt` command again"):
        load_job(tmp_path)


def test_a_job_that_cannot_be_saved_names_the_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file/job.json cannot be written.*--out"):
        save_job(a_job(tmp_path / "file"))


def test_a_path_that_is_no_proper_text_comes_back_as_it_was(tmp_path):
    job = a_job(tmp_path, source=b"/videos/\xff".decode(errors="surrogateescape"))
    save_job(job)
    assert load_job(tmp_path) == job
