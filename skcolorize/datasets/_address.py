"""Which addresses may be asked: http and https, hosts on the list, no machine in a private network."""

from __future__ import annotations

import ipaddress
import re
import socket

from yarl import URL

_SECRET = re.compile(
    r"token|secret|signature|passw|credential|session|auth(?!or)|^x-(amz|goog|ms)-|^(sig|key|api_?key|policy|expires)$",
    re.I,
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Verdict(Exception):
    """An address's fate is settled without a photo: one status of the manifest, and why."""

    def __init__(self, status: str, error: str, http_status: int | None = None):
        super().__init__(status, error, http_status)
        self.status, self.error, self.http_status = status, error, http_status


def parse_address(text: str, *, base: URL | None = None, allowed_hosts: frozenset[str] | None = None) -> URL:
    """The address of a photo, or of where a redirect of `base` leads; fragments are dropped.

    Parameters
    ----------
    text : str
        An address; below `base`, a relative one too.
    base : URL, optional
        The address that was redirected. Credentials are not carried along.
    allowed_hosts : frozenset of str, optional
        Host names in lower case.

    Raises
    ------
    Verdict
        ``rejected`` for anything but http and https, and for a step from https to http; ``wrong_host`` for a
        host that is not on the list.
    """
    try:
        url = URL(text.strip())
        if base is not None:
            url = base.join(url).with_user(None)
        host = url.host
    except ValueError as error:
        raise Verdict("rejected", f"no address: {error}") from error
    if url.scheme not in {"http", "https"} or not host:
        raise Verdict(
            "rejected", f"only http and https addresses are fetched, not {url.scheme or 'a bare name'}"
        )
    if base is not None and base.scheme == "https" and url.scheme == "http":
        raise Verdict("rejected", "a redirect from https to http")
    if allowed_hosts is not None and host.lower() not in allowed_hosts:
        raise Verdict("wrong_host", f"the host {host!r} is not among allowed_hosts")
    return url.with_fragment(None)


def without_secrets(url: URL) -> str:
    """The address for the manifest: no user name or password, and no query values that look like a key."""
    hidden = {name: "..." for name in url.query if _SECRET.search(name)}
    bare = url.with_user(None)
    return str(bare.update_query(hidden) if hidden else bare)


def disclosed(text: str) -> str:
    """What may be told of an address that could not be parsed: no user name or password, no query."""
    return re.sub(r"//[^/]*@", "//", text.partition("?")[0])


def is_public(address: str, port: int) -> bool:
    """Whether an IP address is one of the public internet, also when it is wrapped in one of IPv6.

    Parameters
    ----------
    address : str
        An IPv4 or IPv6 address as the resolver gives it.
    port : int
        The port; not used here.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6:
        inner = (
            ip.ipv4_mapped
            or ip.sixtofour
            or (ipaddress.ip_address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else None)
        )
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


class NotPublic(OSError):
    """A connection to a private address was refused."""

    def __init__(self):
        super().__init__("the address of the host is not a public one (allow_private=True allows it)")


def public_socket(info: tuple) -> socket.socket:
    """A socket for one result of ``getaddrinfo``: the last moment to refuse an address."""
    family, kind, protocol, _, place = info
    if not is_public(place[0], place[1]):
        raise NotPublic
    return socket.socket(family, kind, protocol)
