import base64
import io
import json
import struct
import zipfile
import zlib

import pytest

from peerstats.disclosure import Inspection, inspect_bytes
from peerstats.errors import DisclosureError

IDS = {"MSW-007": "participants", "García1984": "venues", "55551212": "participants"}


def png(*chunks):
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def zipped(name, content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return out.getvalue()


LEAKS = {
    "text": b"Seen: MSW-007.",
    "case": b"id=msw_007",
    "json": json.dumps({"who": "García1984"}).encode(),
    "html": b"<p>Garc&iacute;a1984</p>",
    "decomposed": "García1984".encode(),
    "utf-16": "call 55551212".encode("utf-16"),
    "inside": b"f(x)=tel55551212x",
    "member": zipped("word/document.xml", b"<w:t>MSW-007</w:t>"),
    "member name": zipped("media/MSW-007.png", b""),
    "png text": png((b"tEXt", b"Title\0MSW-007")),
    "png packed": png((b"zTXt", b"Title\0\0" + zlib.compress(b"MSW-007"))),
    "embedded": b'<img src="data:text/plain;base64,' + base64.b64encode(b"x MSW-007 y") + b'">',
    "pdf": b"%PDF-1.7\nstream\n" + zlib.compress(b"(MSW-007) Tj") + b"\nendstream",
}


@pytest.mark.parametrize("name", LEAKS)
def test_an_id_is_found_wherever_it_hides(name):
    with pytest.raises(DisclosureError) as caught:
        inspect_bytes({"report.x": LEAKS[name]}, IDS)
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert "report.x" in message
    assert "participants" in message or "venues" in message
    assert not any(secret in message for secret in IDS)


def test_a_file_name_that_holds_an_id_is_not_repeated():
    with pytest.raises(DisclosureError) as caught:
        inspect_bytes({"index.html": b"", "plot_MSW-007.png": b""}, IDS)
    assert "file 2 of 2" in str(caught.value)
    assert "007" not in str(caught.value)


def test_short_ids_are_counted_and_not_looked_for():
    ids = [str(n) for n in range(1, 1935)] + ["ab1"]
    assert inspect_bytes({"t.md": b"1,934 women; 31 of 60 ab1"}, ids) == Inspection(
        files=1, looked_for=0, too_short=1935
    )


@pytest.mark.parametrize(
    "content",
    [
        b"MSW-0071 and AMSW-007 and MSW and 007",
        base64.b64encode(bytes(range(256))),
        png((b"IDAT", b"MSW-007")),
        b"",
    ],
)
def test_what_only_resembles_an_id_passes(content):
    assert inspect_bytes({"report.html": content}, IDS).looked_for == 3


def test_many_ids_in_a_large_report_are_looked_for_quickly():
    ids = {f"P{n:05d}": "participants" for n in range(2000)}
    content = ("<td>1.23 (0.98 to 1.55)</td>" * 40_000).encode()
    assert inspect_bytes({"report.html": content}, ids).looked_for == 2000


def test_a_plain_collection_will_do():
    with pytest.raises(DisclosureError, match=r"holds an identifier\. Nothing was written"):
        inspect_bytes({"r.md": b"MSW-007"}, ["MSW-007"])
