"""Addresses and the networks that they may be of."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from platewatch.errors import ConfigError


def is_in(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is of one of the networks; one that is none is not. An IPv4 address may come as IPv6."""
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = given.ipv4_mapped if isinstance(given, ipaddress.IPv6Address) else None
    return any((mapped or given) in ipaddress.ip_network(network) for network in networks)


def check(networks: Iterable[str], field: str) -> None:
    """Raises ConfigError that names the setting for what is no network such as 10.0.0.0/8."""
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError(str(error), field=field) from None
