"""Whether an address lies in a network."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.domain.general_form.values import CACHED_TEXTS, UNREADABLE, Relation, UnusableOperand

MAX_ADDRESS = 45
"""Characters: of the longest text of an IPv6 address."""
_MAPPED = 0xFFFF << 32
"""IPv4 addresses as IPv6: this, then the address. Both are the same here."""


class _Address(NamedTuple):
    bits: int
    number: int


def _build_cidr(right: Any) -> Relation:
    """A network, or an address, which is a network of one."""
    networks: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for text in right if type(right) is list else [right]:
        network, prefix = _parse_network(text)
        shift = network.bits - prefix
        networks[network.bits, shift].add(network.number >> shift)
    prefixes = [(bits, shift, numbers) for (bits, shift), numbers in networks.items()]

    def holds(left: Any) -> Any:
        address = parse_address(left) if type(left) is str and len(left) <= MAX_ADDRESS else None
        if address is None:
            return UNREADABLE
        address_bits, number = address
        for bits, shift, numbers in prefixes:  # noqa: SIM110 - any() of a generator takes twice as long
            if bits == address_bits and number >> shift in numbers:
                return True
        return False

    return holds


@lru_cache(CACHED_TEXTS)
def parse_address(text: str) -> _Address | None:
    import ipaddress  # takes 3 ms, and few definitions have addresses

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.scope_id is not None:
        return None
    number = int(address)
    if address.version == 6 and number >> 32 == _MAPPED >> 32:
        return _Address(32, number - _MAPPED)
    return _Address(address.max_prefixlen, number)


def _parse_network(text: Any) -> tuple[_Address, int]:
    """Bits of the address behind the prefix do not count."""
    address_text, slash, prefix_text = text.partition("/") if type(text) is str else ("", "", "")
    address = parse_address(address_text) if len(address_text) <= MAX_ADDRESS else None
    is_number = prefix_text.isascii() and prefix_text.isdigit() and len(prefix_text) <= 3
    if address is not None and (is_number or not slash):
        written_bits = 128 if ":" in address_text else 32
        prefix = int(prefix_text) if slash else written_bits
        if written_bits - address.bits <= prefix <= written_bits:
            return address, prefix - (written_bits - address.bits)
    raise UnusableOperand("must be a network like 10.0.0.0/8 or 2001:db8::/32, an address, or a list of them")


NETWORK_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {"cidr": _build_cidr}
