"""The service learns its cameras from the passes that are over (platewatch.probability.learning).

It may take a small share of the time, by its own clock: of more passes than that allows it learns a sample. What it has
learnt goes to the matcher every few minutes, and to a file, so that it survives a restart.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

import structlog

from platewatch.errors import PlatewatchError
from platewatch.matching.hotlist import EntrySet
from platewatch.matching.matcher import Matcher
from platewatch.matching.reads import Read
from platewatch.probability.drift import Change
from platewatch.probability.learning import HALF_LIFE, CameraState, Learner, write
from platewatch.service.worker import Steps

SHARE: Final = 0.02
"""Of the time, what learning may take."""

_MOST_SAVED: Final = 0.5  # seconds of its share that may add up while nothing comes
_MOST_WAITING: Final = 64  # passes
_MOST_TOLD: Final = 100  # cameras in the status

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


class Learning:
    """Takes passes that are over with `add`, while it `wants` any, and refines the matcher's model by them.

    All but `load` and `write` is for the worker's thread, where passes are found, too.
    """

    def __init__(
        self,
        matcher: Matcher,
        file: Path,
        *,
        half_life: float = HALF_LIFE,
        share: float = SHARE,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Raises ModelError for a model that does not say what was counted for it."""
        self._learner = Learner(matcher.model, half_life=half_life, on_change=_tell)
        self._matcher = matcher
        self._file = file
        self._share = share
        self._clock = clock
        self._waiting: deque[list[Read]] = deque()
        self._credit = 0.0
        self._then = clock()
        self._refined_at = self._encoded_at = 0  # so many passes
        self._is_stopped = False

    def wants(self) -> bool:
        """Is there room for one more pass?"""
        return len(self._waiting) < _MOST_WAITING and not self._is_stopped

    def add(self, reads: list[Read]) -> None:
        """A pass that is over."""
        self._waiting.append(reads)

    def use(self, _: EntrySet, matcher: Matcher) -> None:
        """Refine the model of this matcher from now on."""
        self._matcher = matcher

    def stop(self) -> None:
        """Take no more passes, and hold none."""
        self._is_stopped = True
        self._waiting.clear()

    def load(self) -> None:
        """Go on with what was learnt before a restart; what cannot be used is told, and left."""
        try:
            self._learner.load(self._file)
        except FileNotFoundError:
            return
        except (OSError, PlatewatchError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            _log.warning("what was learnt before cannot be used: learning begins anew", reason=reason)
            return
        self._matcher.use(self._learner.model)
        _log.info("goes on with what was learnt before", engines=len(self._learner.engines()))

    def learn(self) -> Steps:
        """Of the passes that wait, as far as there is time."""
        now = self._clock()
        self._credit = min(self._credit + self._share * (now - self._then), _MOST_SAVED)
        self._then = now
        while self._waiting and self._credit > 0:
            started = self._clock()
            self._learner.learn(self._waiting.popleft())
            self._credit -= self._clock() - started
            yield

    def refine(self) -> Steps:
        """Give the matcher a model of what was learnt, and take it into account from now on."""
        if self._learner.passes == self._refined_at:
            return
        self._refined_at = self._learner.passes
        steps = self._learner.refine()
        while True:
            started = self._clock()
            done = next(steps, True)
            self._credit -= self._clock() - started
            if done:
                break
            yield
        self._matcher.use(self._learner.model)

    def expect(self, error_rates: Mapping[str, float]) -> Steps:
        """The cameras' table says how many of their plates are misread: begin from there, at once."""
        self._learner.expect(error_rates)
        self._refined_at = -1
        yield from self.refine()

    def encoded(self, into: list[bytes]) -> Steps:
        """What is to be kept, if there is news."""
        if self._learner.passes != self._encoded_at:
            self._encoded_at = self._learner.passes
            into.append((yield from self._learner.encoded()))

    def write(self, data: bytes) -> None:
        """Keep what was encoded. Raises OSError."""
        write(self._file, data)

    def status(self, into: dict[str, Any]) -> Steps:
        """What has been learnt: engines, and of cameras those that have gone bad and the most misread."""
        learner = self._learner
        cameras = learner.cameras()
        into |= {
            "stopped": self._is_stopped,
            "passes": learner.passes,
            "engines": [
                {
                    "engine": engine.engine,
                    "reads": round(engine.reads),
                    "misread_assumed": round(engine.assumed, 4),
                    "misread": round(engine.misread, 4),
                }
                for engine in learner.engines()
            ],
            "cameras_known": len(cameras),
            "cameras_gone_bad": sum(camera.is_bad for camera in cameras),
            "cameras": [
                {
                    "camera_id": camera.camera,
                    "engine": camera.engine,
                    "reads": round(camera.reads),
                    "misread_usually": round(camera.usual, 4),
                    "misread": round(camera.misread, 4),
                    "gone_bad": camera.is_bad,
                }
                for camera in islice(cameras, _MOST_TOLD)
            ],
        }
        yield


def _tell(camera: CameraState, change: Change) -> None:
    seen = {
        "camera_id": camera.camera,
        "engine": camera.engine,
        "misread": round(camera.misread, 3),
        "misread_usually": round(camera.usual, 3),
    }
    if change == "bad":
        _log.warning("a camera misreads more plates than it used to: is it dirty, or out of place?", **seen)
    else:
        _log.info("a camera misreads no more plates than it used to again", **seen)
