"""Ranges of IP addresses."""

from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def parse_network(text: str) -> Network | None:
    """Return the range of addresses that a text is, if it is one."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def is_within(inner: Network | None, outer: Network | None) -> bool:
    """Return whether a range of addresses is part of another one."""
    match inner, outer:
        case IPv4Network(), IPv4Network():
            return inner.subnet_of(outer)
        case IPv6Network(), IPv6Network():
            return inner.subnet_of(outer)
    return False
