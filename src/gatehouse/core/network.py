"""Addresses as limits see them: one bucket for a host, however it is spelled."""

from ipaddress import IPv4Address, ip_address, ip_network


def bucket(address: str | None) -> str:
    """Return the bucket of an address: IPv4 whole, IPv6 by its /64, mapped IPv4 unwrapped.

    What is not an address shares the bucket `"unknown"`.
    """
    try:
        parsed = ip_address(str(address).partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, 64), strict=False).network_address) + "/64"
