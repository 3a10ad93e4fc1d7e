from __future__ import annotations

import contextlib
import os
import stat
import sys

import pytest

from peerstats.errors import PlaceError
from peerstats.pipeline import write
from peerstats.pipeline.write import write_trees

OLD = {"private": {"a.txt": b"old", "gone.txt": b"old"}, "release": {"a.txt": b"old"}}
NEW = {"private": {"a.txt": b"new", "figures/f.png": b"new"}, "release": {"a.txt": b"new"}}


def contents(out):
    return {
        str(p.relative_to(out).as_posix()): p.read_bytes()
        for p in out.rglob("*")
        if p.is_file() and p.name != ".lock"
    }


def flat(trees):
    return {
        f"{name}/{file}": content for name, tree in trees.items() for file, content in tree.items()
    }


def test_a_new_report_takes_the_place_of_the_old_one(tmp_path):
    write_trees(tmp_path / "out", OLD)
    paths = write_trees(tmp_path / "out", NEW)
    assert contents(tmp_path / "out") == flat(NEW)
    assert all(p.is_file() for p in paths)


def test_files_of_others_in_the_folder_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_bytes(b"mine")
    write_trees(tmp_path, OLD)
    assert (tmp_path / "mine.txt").read_bytes() == b"mine"


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits are POSIX")
def test_only_the_owner_can_read_what_is_written(tmp_path):
    for path in write_trees(tmp_path / "out", OLD):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


class Killed(BaseException):
    pass


def killed_at(monkeypatch, step):
    """Let the process die at the n-th call that touches the disk."""
    count = iter(range(1000))

    def wrap(name, function):
        def touching(*args, **kwargs):
            if next(count) == step:
                raise Killed
            return function(*args, **kwargs)

        monkeypatch.setattr(write.os if hasattr(os, name) else write.shutil, name, touching)

    for name in ("replace", "open", "fsync"):
        wrap(name, getattr(os, name))
    wrap("rmtree", write.shutil.rmtree)


@pytest.mark.parametrize("step", range(24))
def test_a_killed_run_leaves_the_old_report_or_the_next_run_finishes_the_new_one(
    tmp_path, monkeypatch, step
):
    write_trees(tmp_path, OLD)
    with monkeypatch.context() as patch:
        killed_at(patch, step)
        with contextlib.suppress(Killed):
            write_trees(tmp_path, NEW)
    seen = {k: v for k, v in contents(tmp_path).items() if k.split("/")[0] in NEW}
    begun = (tmp_path / ".staging" / "complete").exists()
    assert seen in (flat(OLD), flat(NEW)) or begun
    write_trees(tmp_path, {"private": {"a.txt": b"next"}})
    assert (tmp_path / "private" / "a.txt").read_bytes() == b"next"
    assert (tmp_path / "release" / "a.txt").read_bytes() in (b"old", b"new")
    assert not (tmp_path / ".staging").exists()


def test_a_second_run_on_the_same_folder_is_refused(tmp_path):
    write_trees(tmp_path, OLD)
    with write._locked(tmp_path), pytest.raises(PlaceError, match="in use by another run"):
        write_trees(tmp_path, NEW)
    assert contents(tmp_path) == flat(OLD)


def test_a_symbolic_link_is_not_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PlaceError, match="symbolic link"):
        write_trees(tmp_path / "link", OLD)


@pytest.mark.parametrize("name", [".staging", ".retired"])
def test_a_planted_link_gets_nothing(tmp_path, name):
    """Exact results are staged; a link in the folder would lead them elsewhere."""
    elsewhere, out = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    (elsewhere / "complete").write_text("release")
    out.mkdir()
    (out / name).symlink_to(elsewhere)
    write_trees(out, {"private": {"a": b"exact"}, "release": {"a": b"safe"}})
    assert (out / "private" / "a").read_bytes() == b"exact"
    assert [path.name for path in elsewhere.iterdir()] == ["complete"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(PlaceError, match="is a file"):
        write_trees(tmp_path / "out", OLD)


def test_a_full_disk_leaves_the_old_report(tmp_path, monkeypatch):
    write_trees(tmp_path, OLD)

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(write.os, "fsync", full)
        with pytest.raises(PlaceError, match="No space left on device"):
            write_trees(tmp_path, NEW)
    assert {k: v for k, v in contents(tmp_path).items() if not k.startswith(".")} == flat(OLD)
