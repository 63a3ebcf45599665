"""What every test stands on: one thread, a cache of its own, no network, and the real data where it is to be had."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Before torch is imported anywhere: numbers, and times on a small machine, must not hang on the count of threads.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
# A test that forgets to name its loopback server meets a closed port, never the real Hub.
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
# Read when huggingface_hub is imported, too: no login of the developer's own may leak in.
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="wam-adapt-hf-home-")
for secret in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
    os.environ.pop(secret, None)

import pytest  # noqa: E402

ENVIRONMENT = "WAM_ADAPT_TEST_DATA"
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the whole session one thread, and caches that no user's files lie in."""
    import torch

    torch.set_num_threads(1)
    keep_hand_model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAM_ADAPT_CACHE", str(tmp_path_factory.mktemp("wam-adapt-cache")))
        yield


def keep_hand_model() -> None:
    """Let tests find the hand model that this user has fetched before, though their cache is another."""
    if "WAM_ADAPT_HAND_MODEL" in os.environ:
        return
    cache = Path(os.environ.get("WAM_ADAPT_CACHE", Path.home() / ".cache" / "wam-adapt"))
    found = sorted(cache.rglob("hand_landmarker*.task")) if cache.is_dir() else []
    if found:
        os.environ["WAM_ADAPT_HAND_MODEL"] = str(found[0])


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real videos and robot data; the test is skipped where there is none."""
    named = os.environ.get(ENVIRONMENT)
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real videos and robot data: name their folder in {ENVIRONMENT} ({folder} is not there)")
    return folder
