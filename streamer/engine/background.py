"""Run a function in a background thread."""

from __future__ import annotations

import threading
from typing import Callable, Generic, TypeVar

T = TypeVar("T")


class InBackground(Generic[T]):
    """Runs a function in a background thread; `result` waits for it.

    The thread is a daemon, so it does not keep the program from exiting.

    Args:
        function: started at once.
        name: name of the thread.
    """

    def __init__(self, function: Callable[[], T], name: str) -> None:
        self._function = function
        self._value: T | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the function has returned or raised."""
        return not self._thread.is_alive()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the function, but not longer than this; return whether it is done."""
        self._thread.join(timeout_s)
        return self.done

    def result(self) -> T:
        """Wait for the function; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]

    def _run(self) -> None:
        try:
            self._value = self._function()
        except BaseException as error:
            self._error = error
