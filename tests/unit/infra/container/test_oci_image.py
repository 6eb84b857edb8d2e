"""An OCI image of a folder, as the OCI Image Format Specification asks for it."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from infra.container.oci_image import LEFT_OUT, About, main, write_image

ABOUT = About("1.2.3", "x86_64", 315_619_200)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for folder in ("usr/bin", "etc", "var/lib/mwl-relay", *LEFT_OUT):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/mwl-relay").write_text("#!/bin/sh\n")
    (root / "usr/bin/mwl-relay").chmod(0o755)
    (root / "bin").symlink_to("usr/bin")
    for folder in LEFT_OUT:
        (root / folder / "left").write_text("of another machine")
    return root


@pytest.fixture
def image(root: Path, tmp_path: Path) -> dict[str, bytes]:
    write_image(root, tmp_path / "image.tar", ABOUT)
    return files_of((tmp_path / "image.tar").read_bytes())


def files_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isreg()}  # type: ignore[union-attr]


def blob(image: dict[str, bytes], described: dict[str, Any]) -> bytes:
    """Return a blob; its digest and size must be what is said of it."""
    content = image[f"blobs/{described['digest'].replace(':', '/')}"]
    assert described["digest"] == f"sha256:{sha256(content).hexdigest()}"
    assert described["size"] == len(content)
    return content


def manifest(image: dict[str, bytes]) -> dict[str, Any]:
    [described] = json.loads(image["index.json"])["manifests"]
    found: dict[str, Any] = json.loads(blob(image, described))
    return found


def layer(image: dict[str, bytes]) -> bytes:
    [described] = manifest(image)["layers"]
    return gzip.decompress(blob(image, described))


def test_an_image_leads_from_its_index_to_its_layer(image: dict[str, bytes]) -> None:
    assert json.loads(image["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    config = json.loads(blob(image, manifest(image)["config"]))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{sha256(layer(image)).hexdigest()}"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


@pytest.mark.parametrize(
    ("version", "name"),
    [("1.2.3", "mwl-relay:1.2.3"), ("0.1.0.post1~dev5+gab.d2026", "mwl-relay:0.1.0.post1-dev5-gab.d2026")],
)
def test_its_name_is_one_that_engines_take_whatever_the_version(
    root: Path, tmp_path: Path, version: str, name: str
) -> None:
    write_image(root, tmp_path / "image.tar", About(version, "x86_64", 0))
    [described] = json.loads(files_of((tmp_path / "image.tar").read_bytes())["index.json"])["manifests"]
    assert described["annotations"] == {"org.opencontainers.image.ref.name": name}


def test_it_runs_the_relay_as_its_own_user_with_its_state_apart(image: dict[str, bytes]) -> None:
    config = json.loads(blob(image, manifest(image)["config"]))["config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("mwl-relay", ["mwl-relay"], ["run"])
    assert config["Volumes"] == {"/var/lib/mwl-relay": {}}


def test_the_layer_has_files_links_and_modes_and_nothing_of_the_machine_that_made_it(
    image: dict[str, bytes],
) -> None:
    with tarfile.open(fileobj=io.BytesIO(layer(image))) as tar:
        entries = {entry.name: entry for entry in tar}
    assert entries["bin"].linkname == "usr/bin"
    assert entries["usr/bin/mwl-relay"].mode == 0o755
    assert {entry.mtime for entry in entries.values()} == {ABOUT.epoch}
    assert not [name for name in entries if name.endswith("/left")]
    assert set(LEFT_OUT) <= set(entries)  # the folders themselves are there


def test_the_same_folder_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.tar", tmp_path / "other.tar"
    first = write_image(root, one, ABOUT)
    os.utime(root / "usr/bin/mwl-relay", (1, 1))
    assert write_image(root, other, ABOUT) == first
    assert one.read_bytes() == other.read_bytes()


def test_a_folder_without_the_relay_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = main([str(tmp_path), str(tmp_path / "image.tar"), "--version", "1", "--machine", "x86_64"])
    assert wrong == 1
    assert "not installed there" in capsys.readouterr().err
