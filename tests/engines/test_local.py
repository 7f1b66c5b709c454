"""The local engine keeps the contract, with real processes."""

from __future__ import annotations

import pytest

from launcher.engines.local import LocalEngine
from launcher.engines.reader import Reader
from tests.engines.contract import EngineContract


class TestLocalEngine(EngineContract):
    """The contract, on this machine."""

    @pytest.fixture
    def engine(self, reader: Reader) -> LocalEngine:
        return LocalEngine(reader=reader)
