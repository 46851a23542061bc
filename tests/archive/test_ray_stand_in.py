"""How Ray is started, reached and left, with a stand-in for it."""

from __future__ import annotations

import os
import socket
import sys
from types import ModuleType
from typing import Any

import pytest

from streamer.archive import cluster
from streamer.errors import StreamerError, UsageError


class Ray(ModuleType):
    """Notes how it is started and that it is ended.

    Attributes:
        refusal: what it says instead of starting.
    """

    def __init__(self) -> None:
        super().__init__("ray")
        self.calls: list[Any] = []
        self.refusal: Exception | None = None
        self.resources: dict[str, float] = {}

    def init(self, **options: Any) -> None:
        self.calls.append(options)
        if self.refusal is not None:
            raise self.refusal

    def shutdown(self) -> None:
        self.calls.append("shutdown")

    def cluster_resources(self) -> dict[str, float]:
        return self.resources


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    if sys.version_info < (3, 10):
        pytest.skip("Ray needs Python 3.10")
    made = Ray()
    monkeypatch.setitem(sys.modules, "ray", made)
    for name in ("RAY_USAGE_STATS_ENABLED", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"):
        monkeypatch.setenv(name, "")
    return made


def test_on_this_machine_it_has_no_dashboard_and_no_reports(ray: Ray) -> None:
    with cluster.started(None, cpus=3) as found:
        assert found is ray
        (options,) = ray.calls
        assert os.path.isdir(options["_temp_dir"])
    assert (options["address"], options["num_cpus"]) == ("local", 3)
    assert options["include_dashboard"] is False and not os.path.exists(options["_temp_dir"])
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0" and ray.calls[-1] == "shutdown"


def test_a_cluster_is_reached_before_ray_waits_for_it(ray: Ray) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        with cluster.started(address):
            assert ray.calls[0]["address"] == address and "num_cpus" not in ray.calls[0]
    said = f"there is no Ray cluster at {address} .*check --ray"
    with pytest.raises(StreamerError, match=said), cluster.started(address):
        pass
    assert len(ray.calls) == 2  # the second was not even asked


def test_auto_is_left_to_ray(ray: Ray) -> None:
    with cluster.started("auto"):
        assert ray.calls[0]["address"] == "auto"


@pytest.mark.parametrize(
    ("address", "said"),
    [(None, "Ray cannot start .no sockets"), ("auto", "no Ray cluster at auto .no sockets")],
)
def test_what_keeps_it_from_starting_is_said_in_one_line(
    ray: Ray, address: str | None, said: str
) -> None:
    ray.refusal = RuntimeError("no sockets\nand much more")
    with pytest.raises(StreamerError, match=said) as caught, cluster.started(address):
        pass
    assert "\n" not in str(caught.value) and "much more" not in str(caught.value)


def test_an_error_without_words_is_named_by_its_kind(ray: Ray) -> None:
    ray.refusal = ConnectionError()
    with pytest.raises(StreamerError, match="ConnectionError"), cluster.started(None):
        pass


def test_processors_are_counted_but_never_none(ray: Ray) -> None:
    assert cluster.processors(ray) == 1
    ray.resources = {"CPU": 7.0, "memory": 1e9}
    assert cluster.processors(ray) == 7


@pytest.mark.parametrize("address", ["", "no port", "host:port", "http://"])
def test_what_is_not_an_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is not a cluster's address - give --ray HOST:PORT"):
        cluster.check_installed(address)


def test_a_python_without_ray_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 20))
    with pytest.raises(UsageError, match="needs Python 3"):
        cluster.check_installed(None)


def test_a_missing_package_is_named_with_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 12, 0))
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UsageError, match="--on ray needs the package fsspec - "):
        cluster.check_installed(None)
