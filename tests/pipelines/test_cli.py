"""Words in, exit status and messages out."""

import json
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from adapt.errors import DataError
from pipelines import adapt_all, cli
from pipelines.adapt_all import Outcome
from pipelines.cli import build_parser
from pipelines.engines import Workers
from pipelines.job import Job, load_job, save_job
from pipelines.stages import STAGES

REPOSITORY = Path(__file__).parents[2]
HEAVY = {"torch", "numpy", "hydra", "omegaconf", "yaml", "rich", "av", "decord", "mediapipe", "lightning", "pyarrow"}
HEAVY |= {"mujoco", "gymnasium", "websockets", "msgpack"}
CUP = "\u30b3\u30c3\u30d7"
TEXTS = ["don't spill", "cup, then pour", "(slowly)", 'say "now"', "~", "a=b", "${x}", "[1]", CUP, "-x y"]
FOLDERS = ["plain", "with blanks", "vid\u00e9os", CUP, "a,b", "don't", "(x)", "[y]=@:{}$z", "100%", "~home"]


@pytest.fixture
def videos(tmp_path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    return folder


@pytest.fixture
def jobs(monkeypatch) -> list:
    """The main job replaced by one that notes what it was asked."""
    from pipelines import scorecard

    seen = []

    def run(job, *, stop_after=None, terminal=None, workers=None):
        seen.append((job, stop_after, workers))
        return Outcome(run=job.run_folder, results={"bundle": job.run_folder / "bundle" / "k"}, worked=("bundle",))

    monkeypatch.setattr(adapt_all, "run", run)
    monkeypatch.setattr(scorecard, "read", lambda folder: folder)
    monkeypatch.setattr(scorecard, "show", str)
    return seen


@pytest.fixture
def pipeline(monkeypatch):
    """Put a function in the place of a pipeline that is not what is tested here."""

    import_module("pipelines.replay")  # It is not what is replaced, and needs the real ones.

    def place(name: str, run) -> None:
        module = ModuleType(f"pipelines.{name}")
        module.run = run
        monkeypatch.setitem(sys.modules, f"pipelines.{name}", module)

    return place


def python(code: str, **more) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, **more)


def test_help_loads_nothing_heavy():
    code = "import sys; from pipelines.cli import build_parser; build_parser().format_help(); print(*sys.modules)"
    loaded = set(python(code).stdout.split())
    assert "pipelines.cli" in loaded
    assert loaded & HEAVY == set()


def test_help_costs_less_than_half_a_second_over_a_bare_interpreter():
    def fastest(code: str) -> float:
        times = []
        for _ in range(3):
            start = time.monotonic()
            assert python(code).returncode == 0
            times.append(time.monotonic() - start)
        return min(times)

    cost = fastest("from pipelines.cli import main; main(['--help'])") - fastest("pass")
    assert cost < 0.5


def test_every_verb_answers_to_help(capsys):
    verbs = ["adapt", *STAGES, "study", "publish", "pull", "predict", "config", "sim", "demo", "pretrain"]
    verbs += ["status", "cache", "withdraw", "doctor", "serve", "embodiment", "merge", "plan"]
    for verb in verbs:
        with pytest.raises(SystemExit) as stop:
            cli.main([verb, "--help"])
        assert stop.value.code == 0
        assert f"usage: wam-adapt {verb}" in capsys.readouterr().out


def test_version_is_the_package_s(capsys):
    from adapt import __version__

    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"wam-adapt {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["adpat"],
        ["adapt"],
        ["adapt", "human", "VIDEOS"],
        ["adapt", "play", "DATASET", "--out", "x"],
        ["adapt", "human", "VIDEOS", "--out", "x", "--stop-after", "lunch"],
        ["ingest"],
        ["publish", "--run", "x"],
        ["config"],
    ],
)
def test_wrong_usage_exits_with_2_and_shows_the_usage(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2
    assert "usage: wam-adapt" in capsys.readouterr().err


@pytest.mark.parametrize("text", TEXTS)
def test_a_task_arrives_letter_by_letter(text, videos, tmp_path, jobs):
    assert cli.main(["adapt", "human", str(videos), "--task", text, "--out", str(tmp_path / "run")]) == 0
    assert jobs[0][0].task == text


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_may_have_any_name(name, tmp_path, jobs):
    source, run = tmp_path / name, tmp_path / "runs" / name
    source.mkdir()
    assert cli.main(["adapt", "human", str(source), "--out", str(run)]) == 0
    assert (jobs[0][0].source, jobs[0][0].run) == (str(source), str(run))


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch, jobs):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "videos").mkdir()
    assert cli.main(["adapt", "human", "~/videos", "--out", "~/run", "--replay", "~/more"]) == 0
    job = jobs[0][0]
    assert (job.source, job.run, job.replay) == tuple(str(tmp_path / name) for name in ("videos", "run", "more"))


def test_a_relative_path_is_made_whole_so_that_later_stages_work_from_any_folder(videos, monkeypatch, jobs):
    monkeypatch.chdir(videos.parent)
    cli.main(["adapt", "human", "videos", "--out", "run"])
    assert (jobs[0][0].source, jobs[0][0].run) == (str(videos), str(videos.parent / "run"))


def test_the_job_is_what_the_words_say(videos, tmp_path, jobs):
    words = ["adapt", "play", str(videos), "--embodiment", "g1_inspire", "--out", str(tmp_path / "run")]
    words += [
        "--base",
        "other",
        "--replay",
        "none",
        "--stop-after",
        "encode",
        "--set",
        "train.steps=3",
        "lora=attention",
    ]
    assert cli.main([*words, "--set", "seed=5"]) == 0
    job, stop_after, _ = jobs[0]
    assert (job.kind, job.embodiment, job.replay, stop_after) == ("play", "g1_inspire", "none", "encode")
    assert (job.recipe.base, job.recipe.train.steps, job.recipe.seed) == ("other", 3, 5)
    assert job.recipe.lora.targets == ["to_q", "to_k", "to_v", "to_out.0"]


def test_human_videos_need_no_more_than_a_folder_and_a_run(videos, tmp_path, jobs, capsys):
    assert cli.main(["adapt", "human", str(videos), "--out", str(tmp_path / "run")]) == 0
    job, stop_after, _ = jobs[0]
    assert (job.kind, job.embodiment, job.replay, job.task, stop_after) == ("human", "human_hand", "base", None, None)
    out = capsys.readouterr().out
    assert f"bundle: {tmp_path}/run/bundle/k" in out
    assert "wam-adapt publish --run" in out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "gone"}, "there is no such file or folder"),
        ({"out": "videos/run"}, "lies inside the data"),
        ({"out": "full"}, "is not the folder of a run"),
        ({"out": "full/file"}, "is not the folder of a run"),
        ({"task": "  "}, "--task is empty"),
        ({"recipe": "humn"}, "did you mean 'human'"),
        ({"set": "train.stpes=3"}, "did you mean 'train.steps'"),
    ],
)
def test_bad_words_end_in_one_message_and_exit_1(change, message, videos, tmp_path, jobs, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("")
    given = {"source": "videos", "out": "run", "task": "pour", "recipe": "human", "set": "seed=0", **change}
    words = ["adapt", "human", str(tmp_path / given["source"]), "--out", str(tmp_path / given["out"])]
    words += [f"--task={given['task']}", "--recipe", given["recipe"], "--set", given["set"]]
    assert cli.main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    assert jobs == []


def fail_with(error: BaseException):
    def run(*_arguments, **_more):
        raise error

    return run


@pytest.mark.parametrize("words", [["--debug", "demo"], ["demo", "--debug"]])
def test_debug_shows_the_traceback_before_or_after_the_verb(words, tmp_path, pipeline, capsys):
    pipeline("demo", fail_with(DataError("nothing there; film more")))
    assert cli.main([*words, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.endswith("error: nothing there; film more\n")


def test_an_unexpected_error_says_how_to_learn_more(tmp_path, pipeline, capsys):
    pipeline("demo", fail_with(ZeroDivisionError("division by zero")))
    assert cli.main(["demo", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in error
    assert "--debug" in error
    assert "Traceback" not in error


def test_an_interrupt_says_that_the_same_command_goes_on(tmp_path, pipeline, capsys):
    pipeline("demo", fail_with(KeyboardInterrupt()))
    assert cli.main(["demo", "--out", str(tmp_path)]) == 130
    assert "stopped; the same command goes on from here" in capsys.readouterr().err


def test_quiet_keeps_progress_back_but_not_errors(tmp_path, pipeline, capsys, monkeypatch):
    watched = []

    def run(_out):
        watched.append(sys.stderr.isatty())
        raise DataError("nothing there; film more")

    pipeline("demo", run)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    for words in (["demo"], ["demo", "--quiet"]):
        assert cli.main([*words, "--out", str(tmp_path)]) == 1
        assert "error: nothing there" in capsys.readouterr().err
    assert watched == [True, False]


def test_the_demo_is_a_run_like_any_other_until_its_models_act(videos, tmp_path, pipeline, jobs, capsys, monkeypatch):
    def run(out):
        save_job(Job(kind="human", source=str(videos), run=str(out)))
        return out

    pipeline("demo", run)
    pipeline("demo_act", lambda job: job.run_folder / "act" / "k")
    acting = sys.modules["pipelines.demo_act"]
    acting.STAGE, acting.table, acting.films = "act", lambda folder: f"acted in {folder}", lambda folder: [folder / "f"]
    monkeypatch.setattr(adapt_all, "carry_out", lambda _run, _stage, work, _terminal: (work(), True))
    assert cli.main(["demo", "--out", str(tmp_path / "run")]) == 0
    assert jobs[0][0].source == str(videos)
    act = tmp_path / "run" / "act" / "k"
    told = capsys.readouterr().out
    assert told.startswith(f"acted in {act}\n{act / 'f'}\nbundle: ")
    assert cli.main(["demo", "--out", str(tmp_path / "run"), "--json"]) == 0
    given = json.loads(capsys.readouterr().out)
    assert given["results"]["act"] == str(act)
    assert given["worked"] == ["bundle", "act"]


def test_pretrain_reads_its_own_recipes(tmp_path, pipeline, capsys):
    seen = []
    pipeline("pretrain.make", lambda config, out: seen.append((config, out)) or out / "base")
    assert cli.main(["pretrain", "--out", str(tmp_path), "--set", "seed=3"]) == 0
    ((config, out),) = seen
    assert (type(config).__name__, config.seed, out) == ("PretrainConfig", 3, tmp_path)
    assert capsys.readouterr().out == f"{tmp_path}/base\n"
    assert cli.main(["pretrain", "--out", str(tmp_path), "--recipe", "tny"]) == 1
    assert "no recipe 'tny'; did you mean 'tiny'? shipped are: continued, tiny;" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        (["publish", "--run", "/r", "--repo", "o/n"], "publish", ((Path("/r"), "o/n"), (False, False))),
        (
            ["publish", "--run", "/r", "--repo", "o/n", "--confirm", "--public"],
            "publish",
            ((Path("/r"), "o/n"), (True, True)),
        ),
        (["pull", "o/n@v1", "--out", "/m"], "pull", (("o/n@v1", Path("/m")), ())),
    ],
)
def test_the_words_for_the_hub_reach_their_pipeline(words, name, expected, pipeline, capsys):
    pipeline(name, lambda *given, **more: (given, tuple(more.values())))
    assert cli.main(words) == 0
    assert capsys.readouterr().out.strip() == str(expected)


def test_a_question_reaches_the_bundle_with_whole_paths(tmp_path, monkeypatch, capsys):
    from pipelines import predict

    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        predict, "run", lambda question: seen.append(question) or fail_with(DataError("enough; stop"))()
    )
    words = ["predict", "--bundle", "b", "--image", "top=a, b.png", "--image", "wrist=~/c.png", "--task", "(slowly)"]
    assert cli.main([*words, "--seed", "4"]) == 1
    (question,) = seen
    assert question.images == [f"top={tmp_path}/a, b.png", f"wrist={Path.home()}/c.png"]
    assert (question.bundle, question.task, question.seed) == (tmp_path / "b", "(slowly)", 4)
    assert (question.state, question.out) == (None, None)


def test_one_stage_is_given_the_job_of_its_run(videos, tmp_path, pipeline, capsys):
    seen = []
    for stage in ("ingest", "encode"):
        pipeline(stage, lambda job: seen.append(job) or fail_with(DataError("no videos; add some"))())
    words = ["adapt", "human", str(videos), "--task", "pour", "--out", str(tmp_path / "run")]
    assert cli.main(words) == 1
    assert cli.main(["encode", "--run", str(tmp_path / "run")]) == 1
    assert len(seen) == 2
    assert seen[0] == seen[1] == load_job(tmp_path / "run")


def test_a_stage_of_a_run_that_was_never_begun_says_how_to_begin_one(tmp_path, capsys):
    assert cli.main(["encode", "--run", str(tmp_path / "run")]) == 1
    assert "start one with: wam-adapt adapt human VIDEOS" in capsys.readouterr().err


def test_json_is_all_there_is_on_standard_output(videos, tmp_path, jobs, capsys):
    words = ["adapt", "human", str(videos), "--out", str(tmp_path / "run"), "--json"]
    assert cli.main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["results"] == {"bundle": f"{tmp_path}/run/bundle/k"}
    assert cli.main([*words, "--set", "x=1"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "RecipeError"


def test_config_show_tells_key_value_type_origin_and_meaning(capsys):
    assert cli.main(["config", "show", "--recipe", "play", "--set", "train.steps=9"]) == 0
    assert "train.steps = 9   (int; --set)" in capsys.readouterr().out
    assert cli.main(["config", "show", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"key", "type", "value", "doc", "origin"} == set(rows[0])


def test_config_validate_is_good_or_tells_why_not(tmp_path, capsys):
    mine = tmp_path / "mine.yaml"
    mine.write_text("defaults: [human]\nseed: 3\n")
    assert cli.main(["config", "validate", "--recipe", str(mine)]) == 0
    assert "good" in capsys.readouterr().out
    mine.write_text("defaults: [human]\nsede: 3\n")
    assert cli.main(["config", "validate", "--recipe", str(mine)]) == 1
    assert f"{mine}:2: there is no key 'sede'; did you mean 'seed'" in capsys.readouterr().err


@pytest.mark.parametrize("overlay", ["VERSION = 3", "raise SyntaxError('python 2 only')", "import not_installed_here"])
def test_a_foreign_package_of_the_same_name_is_told_of(overlay, tmp_path):
    (tmp_path / "adapt").mkdir()
    (tmp_path / "adapt" / "__init__.py").write_text(overlay)
    path = [str(tmp_path), str(REPOSITORY)]
    result = python(f"import sys; sys.path[:0] = {path}; from pipelines.cli import main; sys.exit(main(['demo']))")
    assert result.returncode == 1
    assert f"'adapt' at {tmp_path}/adapt is not wam-adapt's" in result.stderr
    assert "pip uninstall adapt" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_reader_who_has_heard_enough_is_no_error():
    command = f"{sys.executable} -m pipelines.cli config show | head -1"
    result = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith("base = ")


def test_a_run_of_other_data_is_not_taken_over(videos, tmp_path, jobs, capsys):
    run, other = tmp_path / "run", tmp_path / "other"
    other.mkdir()
    save_job(Job(kind="human", source=str(videos), run=str(run), task="pour"))
    assert cli.main(["adapt", "human", str(videos), "--task", "pour", "--out", str(run)]) == 0
    assert cli.main(["adapt", "human", str(other), "--task", "pour", "--out", str(run)]) == 1
    assert "is the folder of another run" in capsys.readouterr().err
    assert cli.main(["adapt", "play", str(videos), "--embodiment", "g1_inspire", "--out", str(run)]) == 1
    videos.rename(tmp_path / "moved")
    assert cli.main(["adapt", "human", str(tmp_path / "moved"), "--task", "pour", "--out", str(run)]) == 0


def test_a_run_inside_the_data_is_refused_through_a_link_too(videos, tmp_path, jobs, capsys):
    (tmp_path / "link").symlink_to(videos)
    assert cli.main(["adapt", "human", str(tmp_path / "link"), "--task", "pour", "--out", str(videos / "run")]) == 1
    assert "lies inside the data" in capsys.readouterr().err


def test_who_reads_and_encodes_is_handed_on(videos, jobs):
    words = ["adapt", "human", str(videos), "--out", str(videos.parent / "run")]
    assert cli.main(words) == 0
    assert cli.main([*words, "--jobs", "3"]) == 0
    assert cli.main([*words, "--engine", "ray"]) == 0
    assert [workers for _, _, workers in jobs] == [Workers(), Workers(jobs=3), Workers(engine="ray")]
    with pytest.raises(SystemExit):
        cli.main([*words, "--jobs", "0"])


def test_a_number_of_processes_is_not_asked_of_a_cluster(videos, jobs, capsys):
    words = ["adapt", "human", str(videos), "--out", str(videos.parent / "run"), "--engine", "ray", "--jobs", "4"]
    assert cli.main(words) == 1
    assert "--jobs 4: says how many processes of this machine" in capsys.readouterr().err
    assert jobs == []


@pytest.mark.parametrize(("answer", "takes_leave"), [(0, True), (1, True), (130, False)])
def test_after_ctrl_c_the_program_does_not_wait_for_libraries_to_take_leave(*, answer: int, takes_leave: bool) -> None:
    code = (
        "import atexit; from pipelines import cli; atexit.register(print, 'leave taken'); "
        f"cli.main = lambda: {answer}; cli.program()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "leave taken" in done.stdout) == (answer, takes_leave)


def test_a_program_interrupted_before_it_began_says_nothing_more() -> None:
    code = "from pipelines import cli\ndef main(): raise KeyboardInterrupt\ncli.main = main; cli.program()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_every_verb_takes_several_settings_after_one_set() -> None:
    settings = ["seeds=1", "trials.episodes=12", "--set", "train.steps=3"]
    for words in (["sim", "study", "video"], ["adapt", "human", "v"], ["pretrain"]):
        parsed = build_parser().parse_args([*words, "--out", "o", "--set", *settings])
        assert parsed.overrides == ["seeds=1", "trials.episodes=12", "train.steps=3"]
