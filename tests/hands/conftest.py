"""The real hand model, fetched once for all tests."""

from pathlib import Path

import pytest

from adapt.errors import DataError
from adapt.hands.model_file import ensure_hand_model


@pytest.fixture(scope="session")
def hand_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return ensure_hand_model(tmp_path_factory.mktemp("models"))
    except DataError as error:
        pytest.skip(f"needs the hand model, which cannot be had here: {error}")
