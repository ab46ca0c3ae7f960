"""The service's log: one JSON object a line on the standard error, whoever has something to say.

Of an exception only its class and the place in the code are told: its text may quote a read, and a read that is no hit
is nobody's business.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Final

import structlog

_MOST_PLACES: Final = 8  # of a traceback, the innermost

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger(__name__)


def configure() -> None:
    """For the whole process: our own lines, those of libraries, and exceptions that nobody catches."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_exception,
            structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda arguments: _uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
    sys.unraisablehook = lambda arguments: _uncaught(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)


def of_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler. Its context may show a task with all that it holds, so only the message is
    told.
    """
    _log.error(context["message"], exc_info=context.get("exception"))


class _Libraries(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _uncaught(kind: type[BaseException], error: BaseException | None, place: TracebackType | None) -> None:
    _log.critical("uncaught exception", exc_info=(kind, error, place))


def _name_exception(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        if isinstance(error, BaseExceptionGroup):
            event["errors"] = [type(inner).__name__ for inner in error.exceptions]
        frames = traceback.extract_tb(error.__traceback__)[-_MOST_PLACES:]
        event["places"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event
