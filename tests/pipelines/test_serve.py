"""`wam-adapt serve`: what the words mean, what is warned of, and that it stops when it is told to."""

import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from serve_builder import LIMITS, STEPS, ToyPolicy, question, robot

from adapt.errors import AdaptError, EmbodimentError, ServeError
from adapt.serve.client import Client
from adapt.serve.settings import ServeSettings
from pipelines import serve
from pipelines.arguments import build_parser

TESTS = Path(__file__).parents[1]
PROGRAM = """
import sys
from serve_builder import LIMITS, ToyPolicy, robot
from pipelines import cli, serve
serve.open_policy = lambda *_, **__: ToyPolicy(robot(limits=LIMITS))
sys.exit(cli.main(["serve", "--bundle", "tiny", "--port", "0", "--json"]))
"""


def asked(*words: str) -> serve.Question:
    return serve.question(build_parser().parse_args(["serve", "--bundle", "tiny", *words]))


def test_the_words_become_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serve.KEY, raising=False)
    usual = asked()
    assert usual.settings == ServeSettings()
    assert (usual.model, usual.shadow) == ("tiny", None)
    key = tmp_path / "key.txt"
    key.write_text("s3cret\nnot this\n")
    words = ["--host", "0.0.0.0", "--port", "9", "--task", "wave", "--deadline-ms", "250", "--executed", "4"]
    told = asked(*words, "--clients", "3", "--seed", "7", "--api-key-file", str(key)).settings
    assert told == ServeSettings(
        host="0.0.0.0", port=9, api_key="s3cret", deadline_s=0.25, executed=4, prompt="wave", seed=7, clients=3
    )
    monkeypatch.setenv(serve.KEY, "from the environment")
    assert asked().settings.api_key == "from the environment"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--port", "99999"), "port is 99999"),
        (("--deadline-ms", "nan"), "deadline_s is nan"),
        (("--executed", "0"), "executed is 0"),
        (("--clients", "-1"), "clients is -1"),
        (("--api-key-file", "gone.txt"), "gone.txt: cannot be read"),
        (("--api-key-file", "empty.txt"), "empty.txt: its first line is empty"),
    ],
)
def test_wrong_words_are_named(
    words: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ServeError) as refused:
        asked(*words)
    assert told in str(refused.value)


def test_files_are_checked_against_the_body(tmp_path: Path) -> None:
    path = tmp_path / "limits.yaml"
    path.write_text(yaml.safe_dump({"limits": [LIMITS[1].to_json()]}))
    service = serve.open_service(ToyPolicy(robot(limits=LIMITS)), asked("--limits", str(path)))
    assert service.guard.bounds.unlimited == ("shoulder", "grip")  # The file stands in for the body's own.
    service.close()
    for words, text, told in (
        ("--limits", "limits: [{names: [tilt], low: 0}]", "no action axis 'tilt'"),
        ("--keys", "images: {x: top}", "no camera 'top'"),
    ):
        path.write_text(text)
        with pytest.raises(EmbodimentError, match=told):
            serve.open_service(ToyPolicy(), asked(words, str(path)))
    with pytest.raises(ServeError, match="executed is 9"):
        serve.open_service(ToyPolicy(), asked("--executed", "9"))
    with pytest.raises(AdaptError, match="no action axes"):
        serve.open_service(ToyPolicy(without_actions()), asked())
    with pytest.raises(ServeError, match="cannot be written"):
        serve.open_service(ToyPolicy(), asked("--shadow", str(tmp_path / "no" / "folder.jsonl")))


def without_actions() -> Any:
    from dataclasses import replace

    return replace(robot(), actions=())


def test_what_is_dangerous_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    service = serve.open_service(ToyPolicy(robot(limits=LIMITS)), asked("--host", "0.0.0.0", "--deadline-ms", "1"))
    with caplog.at_level(logging.WARNING):
        serve._warn(service, serve._warm_up(service.policy) + 0.5)
    service.close()
    told = caplog.text
    assert "nothing limits grip" in told
    assert "everybody who reaches 0.0.0.0" in told
    assert "raise --deadline-ms" in told


def test_it_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stderr is not None
        port = next(found[1] for line in running.stderr if (found := re.search(r"ws://127\.0\.0\.1:(\d+)", line)))
        with Client("127.0.0.1", int(port)) as client:
            assert client.infer(question()).actions.shape == (STEPS, 3)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=60)
        assert running.returncode == 0
        assert '"answers": 1' in out
        assert "Traceback" not in err
    finally:
        running.kill()
