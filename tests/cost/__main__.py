"""`make cost`: dollars a month for 1, 10, 100 and 1,000 sites; ``--hour`` simulates an hour of a thousand."""

from __future__ import annotations

import argparse
from dataclasses import fields, replace

from tests.cost.month import Use, bill
from tests.cost.prices import Prices
from tests.cost.simulation import Scale, in_words, simulate, smaller
from tests.rigs.dynamodb.said import said

SITES = (1, 10, 100, 1000)


def main() -> int:
    """Print what was asked for."""
    options = _options()
    prices = replace(Prices(), **_numbers(options.price))
    use = replace(Use(), **_numbers(options.use))
    if options.list:
        for name, price, what in prices.rows():
            print(f"{name:18} {price:>14g}  {what}")
        return 0
    if options.hour is not None:
        scale = smaller(Scale(), options.share, options.hour)
        print("\n".join(in_words(scale, simulate(scale))))
        return 0
    units = {what: (reads, writes) for what, reads, writes in said()}
    bills = [bill(sites, use, units, prices) for sites in SITES]
    print(f"{'US dollars a month':34}" + "".join(f"{sites:>11,}" for sites in SITES) + "  sites")
    for part in bills[0].parts:
        print(f"{part:34}" + "".join(f"{each.parts[part]:>11,.2f}" for each in bills))
    print(f"{'together':34}" + "".join(f"{each.total:>11,.2f}" for each in bills))
    print("use: " + ", ".join(f"{each.name}={getattr(use, each.name):g}" for each in fields(use)))
    return 0


def _numbers(texts: list[str]) -> dict[str, float]:
    return {name: float(number) for name, _, number in (text.partition("=") for text in texts)}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    parser.add_argument("--price", action="append", default=[], metavar="NAME=DOLLARS")
    parser.add_argument("--use", action="append", default=[], metavar="NAME=NUMBER")
    parser.add_argument("--list", action="store_true", help="list the prices")
    parser.add_argument(
        "--hour", type=int, nargs="?", const=60, metavar="MINUTES", help="simulate so many minutes (60)"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of 10,000 sources at 1,000 sites (1.0)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
