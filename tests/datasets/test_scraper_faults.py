"""What the scraper survives: each fault of a server, of an address or of a body ends in one status."""

import asyncio
import io
import re
import ssl
import struct
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fault_server import FaultServer, answer, cut, drip, endless, late, redirect, reset
from scraping import assert_consistent, picture
from yarl import URL

from skcolorize import __version__
from skcolorize.datasets import _address, _body, _fetch, _web
from skcolorize.datasets._address import Verdict, is_public, parse_address


def png_header(width, height):
    """A PNG that claims a size, with next to nothing in it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data = b"IDAT" + zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk
        + struct.pack(">I", len(data) - 4)
        + data
        + struct.pack(">I", zlib.crc32(data))
    )


def jpeg_of_size(width, height):
    """A JPEG whose header claims another size."""
    body = bytearray(picture())
    at = body.index(b"\xff\xc0") + 5
    body[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def webp_of_size(width, height):
    body = bytearray(picture(format="WEBP"))
    at = body.index(b"\x9d\x01\x2a") + 3
    body[at : at + 4] = struct.pack("<HH", width, height)
    return bytes(body)


def animation():
    from PIL import Image

    frames = [Image.open(io.BytesIO(picture(seed))) for seed in (1, 2)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


BODIES = {
    "page": b"<!DOCTYPE html><html>" + b" " * 500,
    "page after blanks": b"\r\n\t <html>",
    "drawing": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "empty": b"",
    "one byte": b"\xff",
    "GIF": picture(format="GIF"),
    "TIFF": picture(format="TIFF"),
    "BMP": picture(format="BMP"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    "half a JPEG": picture()[:-200],
    "half a PNG": picture(format="PNG")[:-300],
    "half a WebP": picture(format="WEBP")[:-100],
    "only the start of a JPEG": b"\xff\xd8\xff\xe0" + bytes(100),
    "noise after the head of a JPEG": picture()[:250] + bytes(range(256)) * 8,
    "PNG bomb": png_header(60_000, 60_000),
    "JPEG bomb": jpeg_of_size(65_000, 65_000),
    "WebP bomb": webp_of_size(16_383, 16_383),
    "animation": animation(),
}


@pytest.mark.parametrize("kind", BODIES)
def test_bodies_that_are_no_photo(server, make, tmp_path, kind):
    bunch = make().fetch([server.add("/a.jpg", answer(BODIES[kind], Content_Type="image/jpeg"))])
    assert bunch.counts == {"rejected": 1} and bunch.manifest[0]["error"]
    assert server.asked() == 1  # nothing that another try would mend
    assert_consistent(tmp_path / "photos")


@pytest.mark.parametrize("kind", ["PNG bomb", "JPEG bomb", "WebP bomb"])
def test_bombs_are_refused_before_decoding(server, make, monkeypatch, kind):
    monkeypatch.setattr(_fetch, "check_photo", lambda *_: pytest.fail("it was decoded"))
    bunch = make().fetch([server.add("/a.jpg", answer(BODIES[kind]))])
    assert re.search(
        r"\d+ x \d+ pixels are more than 64,000,000|\d+ pixels\) exceeds limit", bunch.manifest[0]["error"]
    )


def test_a_header_that_promises_too_much_costs_no_body(server, make):
    bunch = make().fetch([server.add("/a.jpg", answer(picture(), length=_body.MAX_BYTES + 1))])
    assert "bytes are more than" in bunch.manifest[0]["error"] and bunch.counts == {"rejected": 1}


def test_endless_bodies_end_at_the_cap(server, make, monkeypatch):
    monkeypatch.setattr(_web, "MAX_BYTES", 3 * 2**20)
    urls = [server.add("/jpeg", endless(picture()[:-2])), server.add("/page", endless(b"<html>" + b" " * 99))]
    bunch = make().fetch(urls)
    errors = [row["error"] for row in bunch.manifest]
    assert errors[0] == "more than 3,145,728 bytes" and errors[1].startswith("no JPEG")
    assert bunch.counts == {"rejected": 2}


def test_slow_drip_does_not_escape_the_deadline(server, make):
    scraper = make(timeout=60)
    scraper._clock.hurry = 200
    bunch = scraper.fetch([server.add("/a.jpg", drip(picture()))])
    assert bunch.counts == {"failed": 1} and bunch.manifest[0]["error"] == "not complete within 60 s"
    assert bunch.manifest[0]["attempts"] == server.asked() == _fetch.MAX_FAILURES


def test_redirects_share_one_deadline(server, make):
    for i in range(4):
        server.add(f"/{i}", late(redirect(f"/{i + 1}"), 0.3))
    server.add("/4", late(answer(picture()), 0.3))
    scraper = make(timeout=0.8, respect_opt_out=False)
    assert scraper.fetch([server.url("/0")]).counts == {"failed": 1} and server.asked("/4") == 0


MENDING = {
    "500": [answer(status="500 Oops")],
    "503 twice": [answer(status="503 Busy")] * 2,
    "408": [answer(status="408 Slow")],
    "reset": [reset, reset],
    "cut": [cut(picture())],
    "drip": [drip(picture())],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.9\r\n\r\n"],
    "too long a Content-Length": [cut(picture(), promised=len(picture()) + 9)],
    "bad length": [b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"],
}


@pytest.mark.parametrize("fault", MENDING)
def test_what_passes_is_tried_again(server, make, tmp_path, fault):
    answers = MENDING[fault]
    scraper = make(respect_opt_out=False)
    scraper._clock.hurry = 30 if fault == "drip" else 1
    bunch = scraper.fetch([server.add("/a.jpg", *answers, answer(picture()))])
    assert bunch.counts == {"ok": 1} and server.asked() == len(answers) + 1
    assert bunch.manifest[0]["error"] == ""
    assert_consistent(tmp_path / "photos")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("404 Not Found", "gone"), ("410 Gone", "gone"), ("403 Forbidden", "failed"), ("401 Who", "failed"),
     ("451 Law", "failed"), ("206 Partial Content", "failed"), ("300 Multiple Choices", "failed")],
)  # fmt: skip
def test_what_does_not_pass_is_asked_once(server, make, status, outcome):
    bunch = make().fetch([server.add("/a.jpg", answer(picture(), status=status))])
    assert bunch.counts == {outcome: 1} and server.asked() == 1
    assert bunch.manifest[0]["http_status"] == int(status[:3])


def test_retries_end(server, make):
    bunch = make().fetch([server.add("/a.jpg", answer(status="500 Oops"))])
    assert bunch.counts == {"failed": 1} and server.asked() == _fetch.MAX_FAILURES
    assert bunch.manifest[0]["error"] == "500 Oops" and bunch.manifest[0]["http_status"] == 500


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_429_is_obeyed(server, make, form):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    busy = answer(status="429 Too Many Requests", Retry_After="30" if form == "seconds" else date)
    urls = [server.add("/a.jpg", busy, answer(picture())), server.add("/b.jpg", answer(picture(1)))]
    scraper = make(max_per_host=1)
    assert scraper.fetch(urls).counts == {"ok": 2}
    assert 20 <= sum(scraper._clock.waits) <= 31
    assert [r.path for r in server.requests if r.path != "/robots.txt"].count("/a.jpg") == 2


def test_a_host_that_asks_for_an_hour_is_left_for_another_day(server, make):
    busy = answer(status="429 Too Many Requests", Retry_After="3600")
    url = server.add("/a.jpg", busy, answer(picture()))
    scraper = make()
    bunch = scraper.fetch([url, url])
    assert bunch.counts == {"duplicate_url": 1, "deferred": 1} and sum(scraper._clock.waits) == 0
    assert "429" in bunch.manifest[0]["error"]
    assert make().fetch([url]).counts == {"ok": 1}


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "data:image/png;base64,AAAA", "javascript:alert(1)",
     "a.jpg", "", "http://", "//host/a.jpg", "http://[::1", "http://host:99999/", "gopher://a/b", "s3://bucket/a.jpg"],
)  # fmt: skip
def test_only_http_addresses(make, address):
    assert make().fetch([address]).counts == {"rejected": 1}


@pytest.mark.parametrize("address", ["http://" + "a" * 300 + "/", "http://a..b/", "http://\ud800/"])
def test_impossible_hosts_end_too(make, address):
    (row,) = make().fetch([address]).manifest
    assert row["status"] in {"rejected", "failed"}


def test_redirects_are_followed_so_far(server, make):
    for i in range(6):
        server.add(f"/{i}", redirect(f"{i + 1}"))  # relative ones too
    server.add("/6", answer(picture()))
    server.add("/loop", redirect("/loop"))
    bunch = make().fetch([server.url("/1"), server.url("/0"), server.url("/loop")])
    assert [row["status"] for row in bunch.manifest] == ["ok", "failed", "failed"]
    assert bunch.manifest[0]["final_url"] == server.url("/6")
    assert bunch.manifest[2]["error"] == "more than 5 redirects" and server.asked("/loop") == 6


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/a", "data:,a", "http://[::1"])
def test_redirects_out_of_the_web(server, make, to):
    assert make().fetch([server.add("/a.jpg", redirect(to))]).counts == {"rejected": 1}


def test_redirects_to_a_host_that_is_not_allowed(server, make):
    with FaultServer("127.0.0.2") as other:
        to = other.add("/a.jpg", answer(picture()))
        bunch = make(allowed_hosts={"127.0.0.1"}).fetch([server.add("/a.jpg", redirect(to))])
        assert bunch.counts == {"wrong_host": 1} and not other.requests


@pytest.fixture
def own_certificate(tmp_path):
    """A server's TLS context with a certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    (tmp_path / "server.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    return context


def test_a_host_without_a_trusted_certificate_is_asked_once(make, own_certificate):
    with FaultServer(tls=own_certificate) as server:
        bunch = make(respect_opt_out=False).fetch([server.add("/a.jpg", answer(picture()))])
    assert bunch.counts == {"failed": 1} and bunch.manifest[0]["attempts"] == 1
    assert bunch.manifest[0]["error"].startswith("no trusted connection") and not server.requests


def test_no_step_down_from_https():
    base = URL("https://a.example/b/c.jpg")
    assert str(parse_address("../d.jpg#x", base=base)) == "https://a.example/d.jpg"
    with pytest.raises(Verdict, match="from https to http"):
        parse_address("http://a.example/d.jpg", base=base)


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True),
     ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False),
     ("0.0.0.0", False), ("169.254.169.254", False), ("100.64.0.1", False), ("224.0.0.1", False),
     ("255.255.255.255", False), ("::1", False), ("::", False), ("fe80::1%eth0", False),
     ("fc00::1", False), ("ff02::1", False), ("::ffff:127.0.0.1", False), ("::ffff:10.0.0.1", False),
     ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False)],
)  # fmt: skip
def test_public_addresses(address, public):
    assert is_public(address, 80) is public


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]"]
)
def test_private_addresses_are_refused_however_they_are_written(server, make, host):
    server.add("/a.jpg", answer(picture()))
    bunch = make(allow_private=False).fetch([server.url("/a.jpg", host)])
    assert bunch.counts == {"rejected": 1} and not server.requests
    assert re.search("not a public one|not a canonical", bunch.manifest[0]["error"])


def test_redirects_to_private_addresses_are_refused(server, make, monkeypatch):
    monkeypatch.setattr(_address, "is_public", lambda ip, port: port == server.port or is_public(ip, port))
    with FaultServer("127.0.0.2") as other:
        url = server.add("/a.jpg", redirect(other.add("/secret.jpg", answer(picture()))))
        bunch = make(allow_private=False).fetch([url, server.add("/b.jpg", answer(picture(1)))])
        assert [row["status"] for row in bunch.manifest] == ["rejected", "ok"] and not other.requests


def test_what_a_request_says_and_keeps_to_itself(server, make, monkeypatch):
    monkeypatch.setattr(_web, "project_url", {"Repository": "https://home.example"}.get)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with FaultServer("127.0.0.2") as other:
        url = server.add(
            "/a.jpg", answer(status="302 Found", Location=other.url("/a.jpg"), Set_Cookie="id=1")
        )
        other.add("/a.jpg", redirect(server.url("/b.jpg")))
        server.add("/b.jpg", answer(picture()))
        assert make().fetch([url.replace("//", "//me:word@")]).counts == {"ok": 1}
        asked = {r.path: r.headers for r in (*server.requests, *other.requests) if r.path != "/robots.txt"}
        (headers,) = [r.headers for r in other.requests if r.path == "/a.jpg"]
        first, last = server.requests[1].headers, asked["/b.jpg"]
    assert "authorization" in first and "authorization" not in headers and "authorization" not in last
    for sent in (first, headers, last):
        assert sent["user-agent"] == f"skcolorize/{__version__} (+https://home.example)"
        assert sent["accept-encoding"] == "identity"
        assert "cookie" not in sent and "referer" not in sent


def test_encoded_bodies_are_refused(server, make):
    url = server.add("/a.jpg", answer(picture(), Content_Encoding="gzip"))
    assert make().fetch([url]).counts == {"rejected": 1}


ROBOTS = b"User-agent: *\nDisallow: /private\n\nUser-agent: skcolorize\nDisallow: /ours\n"


def test_robots_are_obeyed_and_asked_once(server, make):
    server.add("/robots.txt", answer(ROBOTS))
    urls = [
        server.add(path, answer(picture(i))) for i, path in enumerate(["/ours/a", "/private/b", "/c", "/d"])
    ]
    bunch = make().fetch(urls)
    assert [row["status"] for row in bunch.manifest] == ["opted_out", "ok", "ok", "ok"]
    assert server.asked("/robots.txt") == 1 and server.asked("/ours/a") == 0
    licensed = make(respect_opt_out=False, retry_failed=True).fetch(urls)
    assert licensed.counts == {"ok": 4} and server.asked("/robots.txt") == 1


def test_robots_that_come_in_pieces(server, make):
    async def pieces(writer):
        content = answer(b"#" * 3000 + b"\n" + ROBOTS)
        writer.write(content[:2000])
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(content[2000:])

    server.add("/robots.txt", pieces)
    assert make().fetch([server.add("/ours/a", answer(picture()))]).counts == {"opted_out": 1}


def test_robots_of_the_host_that_a_redirect_leads_to(server, make):
    with FaultServer("127.0.0.2") as other:
        other.add("/robots.txt", answer(b"User-agent: *\nDisallow: /\n"))
        url = server.add("/a.jpg", redirect(other.add("/a.jpg", answer(picture()))))
        assert make().fetch([url]).counts == {"opted_out": 1} and other.asked() == 0


def test_robots_that_fail_forbid(server, make):
    server.add("/robots.txt", answer(status="500 Oops"))
    url = server.add("/a.jpg", answer(picture()))
    assert make().fetch([url]).counts == {"failed": 1} and server.asked("/a.jpg") == 0


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [({"X_Robots_Tag": "noai"}, "opted_out"), ({"X_Robots_Tag": "noindex, noimageai"}, "opted_out"),
     ({"x_robots_tag": "skcolorize: noai"}, "opted_out"), ({"X_Robots_Tag": "otherbot: noai"}, "ok"),
     ({"X_Robots_Tag": "noindex"}, "ok"), ({"TDM_Reservation": "1"}, "opted_out"),
     ({"tdm_reservation": "0"}, "ok")],
)  # fmt: skip
def test_opt_out_headers(server, make, tmp_path, headers, outcome):
    url = server.add("/a.jpg", answer(picture(), **headers))
    assert make().fetch([url]).counts == {outcome: 1}
    assert make(tmp_path / "all", respect_opt_out=False).fetch([url]).counts == {"ok": 1}
