"""``python -m infra.container.oci_image ROOT IMAGE``: an OCI image of a folder where the relay is installed.

One layer, as the OCI Image Format Specification 1.1 lays it out, in one tar file that podman, skopeo, docker
and Kubernetes' tools read. No builder and no daemon is needed. The same folder gives the same bytes: files
are in order, and have one time.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

LEFT_OUT: Final = ("dev", "proc", "sys", "run", "tmp", "var/cache/apt", "var/lib/apt/lists", "var/log")
"""Folders whose content is of the machine that made the root file system, or is fetched again."""
USER: Final = "mwl-relay"
STATE: Final = "/var/lib/mwl-relay"
_CHUNK: Final = 1 << 20
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "amd64": "amd64"}


@dataclass(frozen=True)
class About:
    """What an image says of itself.

    :param machine: what it runs on, as `platform.machine` says it.
    :param epoch: the time of every file, seconds since 1970.
    """

    version: str
    machine: str
    epoch: int

    @property
    def architecture(self) -> str:
        """The machine in Go's words, which OCI uses; raise `LookupError` if it is none we build for."""
        return _MACHINES[self.machine]

    @property
    def name(self) -> str:
        """What engines call it: a package's version may have characters that a tag may not (``~``, ``+``)."""
        return f"mwl-relay:{re.sub('[^A-Za-z0-9_.-]', '-', self.version)}"


def write_image(root: Path, image: Path, about: About) -> str:
    """Write an image; return the digest of its manifest, ``sha256:...``.

    :param root: of a file system in which the relay's package is installed.
    """
    with tempfile.TemporaryFile() as layer:
        layer_digest, diff_id = _write_layer(root, layer, about.epoch)
        size = layer.tell()
        config = _json(_config(about, diff_id))
        manifest = _json(_manifest(config, layer_digest, size))
        layer.seek(0)
        with tarfile.open(image, "w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}), about.epoch)
            _add(archive, "index.json", _json(_index(manifest, about)), about.epoch)
            for blob in (config, manifest):
                _add(archive, _blob_name(_digest(blob)), blob, about.epoch)
            entry = _entry(_blob_name(layer_digest), size, about.epoch)
            archive.addfile(entry, layer)
    return _digest(manifest)


def contents(root: Path) -> Iterator[Path]:
    """Yield what goes into the layer, folders before what is in them, in a fixed order."""
    for path in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).parts):
        inside = path.relative_to(root).as_posix()
        if not path.is_socket() and not any(inside.startswith(f"{folder}/") for folder in LEFT_OUT):
            yield path


def _write_layer(root: Path, into: IO[bytes], epoch: int) -> tuple[str, str]:
    """Write the layer, compressed; return the digests of it compressed and not compressed."""
    compressed, plain = _Hashing(into), sha256()
    with gzip.GzipFile(filename="", mode="wb", fileobj=compressed, compresslevel=6, mtime=0) as squeezed:
        counted = _Hashing(squeezed, plain)
        with tarfile.open(fileobj=counted, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in contents(root):
                entry = archive.gettarinfo(path, path.relative_to(root).as_posix())
                entry.mtime, entry.uname, entry.gname = epoch, "", ""
                if entry.isreg():
                    with path.open("rb") as file:
                        archive.addfile(entry, file)
                else:
                    archive.addfile(entry)
    return f"sha256:{compressed.hash.hexdigest()}", f"sha256:{plain.hexdigest()}"


class _Hashing(io.RawIOBase):
    """Passes on what is written, and keeps its hash."""

    def __init__(self, into: Any, hashed: Any = None) -> None:
        self._into, self.hash = into, sha256() if hashed is None else hashed

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, data: Any, /) -> int:
        """Pass some bytes on."""
        self.hash.update(data)
        self._into.write(data)
        return len(data)


def _config(about: About, diff_id: str) -> Mapping[str, Any]:
    created = datetime.fromtimestamp(about.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": created,
        "architecture": about.architecture,
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": ["mwl-relay"],
            "Cmd": ["run"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"],
            "WorkingDir": STATE,
            "Volumes": {STATE: {}},
            "ExposedPorts": {f"{port}/tcp": {} for port in (11112, 2762, 8112)},
            "StopSignal": "SIGTERM",
            "Labels": {
                "org.opencontainers.image.title": "mwl-relay",
                "org.opencontainers.image.version": about.version,
                "org.opencontainers.image.licenses": "MIT",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created": created, "created_by": "infra.container.oci_image"}],
    }


def _manifest(config: bytes, layer_digest: str, layer_size: int) -> Mapping[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
                "digest": layer_digest,
                "size": layer_size,
            }
        ],
    }


def _index(manifest: bytes, about: About) -> Mapping[str, Any]:
    described = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                **described,
                "platform": {"architecture": about.architecture, "os": "linux"},
                "annotations": {"org.opencontainers.image.ref.name": about.name},
            }
        ],
    }


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{sha256(blob).hexdigest()}"


def _blob_name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _entry(name: str, size: int, epoch: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = size, epoch
    return entry


def _add(archive: tarfile.TarFile, name: str, blob: bytes, epoch: int) -> None:
    archive.addfile(_entry(name, len(blob), epoch), io.BytesIO(blob))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.container.oci_image", description=__doc__)
    parser.add_argument("root", type=Path, help="a root file system with the relay's package installed")
    parser.add_argument("image", type=Path, help="the tar file to write")
    parser.add_argument("--version", required=True)
    parser.add_argument("--machine", required=True, choices=_MACHINES)
    parser.add_argument("--epoch", type=int, default=315_619_200, help="the time of every file")
    options = parser.parse_args(arguments)
    if not (options.root / "usr/bin/mwl-relay").is_file():
        print(f"{options.root}: the relay is not installed there", file=sys.stderr)
        return 1
    digest = write_image(options.root, options.image, About(options.version, options.machine, options.epoch))
    print(f"{options.image} {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
