"""Write a report so that a reader finds the old one or the new one, never a mixture.

All files are first written to a staging folder inside the output folder and forced to the disk.
A marker then declares the staging complete, and its trees take the place of the old ones by
renaming. A run that is killed before the marker leaves the old report as it was, and the staging is
thrown away by the next run; one that is killed after the marker is finished by the next run. A lock
on the folder keeps a second run out.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from peerstats.errors import PlaceError

Tree = Mapping[str, bytes]  # path below the tree, with "/" between folders -> content

_STAGING, _COMPLETE, _RETIRED, _LOCK = ".staging", "complete", ".retired", ".lock"


def write_trees(out: Path, trees: Mapping[str, Tree]) -> list[Path]:
    """Write the named trees below `out`, replacing earlier ones; return the files' paths.

    Files are readable by their owner only. Raises PlaceError when the folder cannot be written, is
    a symbolic link, or is in use by another run.
    """
    with _owner_only(), _explained(out):
        _make_folder(out)
        with _locked(out):
            _finish_interrupted(out)
            for name, tree in trees.items():
                for file, content in tree.items():
                    _write_file(out / _STAGING / name / file, content)
            _write_file(out / _STAGING / _COMPLETE, "\n".join(trees).encode())
            _swap(out)
    return [out / name / file for name, tree in trees.items() for file in tree]


def read_before(out: Path, file: str) -> bytes | None:
    """Return a file of the report that stands in `out`, or None when there is none."""
    path = out / file
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def _make_folder(out: Path) -> None:
    if out.is_symlink():
        raise PlaceError(f"The output folder {out} is a symbolic link; name the folder itself.")
    if out.exists() and not out.is_dir():
        raise PlaceError(f"The output folder {out} is a file; choose another --out.")
    out.mkdir(parents=True, exist_ok=True)


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _finish_interrupted(out: Path) -> None:
    """Finish a swap that was begun, or throw away a staging that was never complete."""
    for name in (_STAGING, _RETIRED):
        if (out / name).is_symlink():  # ours never is: what is behind it is somebody else's
            (out / name).unlink()
    if (out / _STAGING / _COMPLETE).is_file():
        _swap(out)
    shutil.rmtree(out / _STAGING, ignore_errors=True)
    shutil.rmtree(out / _RETIRED, ignore_errors=True)


def _swap(out: Path) -> None:
    """Put the staged trees in place. Safe to begin again at any point."""
    staging, retired = out / _STAGING, out / _RETIRED
    for name in (staging / _COMPLETE).read_text().splitlines():
        if (staging / name).is_dir():
            retired.mkdir(exist_ok=True)
            if (out / name).exists():
                shutil.rmtree(retired / name, ignore_errors=True)
                os.replace(out / name, retired / name)
            os.replace(staging / name, out / name)
    shutil.rmtree(staging)
    shutil.rmtree(retired, ignore_errors=True)


@contextmanager
def _owner_only() -> Iterator[None]:
    """Everything made inside is for its owner's eyes only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    """Turn what the system says about the folder into our words."""
    try:
        yield
    except PermissionError:
        raise PlaceError(f"No permission to write to {out}; choose another --out.") from None
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise PlaceError(
            f"Could not write to {out}: {reason}. The report that stood there is untouched."
        ) from None


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder's lock; the system frees it when the process ends, however it ends."""
    descriptor = os.open(out / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        try:
            _take_lock(descriptor)
        except OSError:
            raise PlaceError(
                f"{out} is in use by another run; wait for it or choose another --out."
            ) from None
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _take_lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
