"""Harvests oai_dc completely with one of the clients that Python has: sickle, scythe or oaipmh.

Prints a line for each record: its identifier, a tab, and its title, or nothing if it is deleted.
"""

import argparse
from datetime import datetime


def sickle(url, selection):
    from sickle import Sickle

    if "from_" in selection:
        selection["from"] = selection.pop("from_")
    for record in Sickle(url).ListRecords(metadataPrefix="oai_dc", **selection):
        yield record.header.identifier, [] if record.deleted else record.metadata["title"]


def scythe(url, selection):
    from oaipmh_scythe import Scythe

    with Scythe(url) as client:
        for record in client.list_records(metadata_prefix="oai_dc", **selection):
            yield record.header.identifier, [] if record.deleted else record.metadata["title"]


def oaipmh(url, selection):
    from oaipmh.client import Client
    from oaipmh.metadata import MetadataRegistry, oai_dc_reader

    registry = MetadataRegistry()
    registry.registerReader("oai_dc", oai_dc_reader)
    client = Client(url, registry)
    client.updateGranularity()
    selection = {name: datetime.fromisoformat(day) for name, day in selection.items()}
    for header, metadata, _ in client.listRecords(metadataPrefix="oai_dc", **selection):
        yield header.identifier(), [] if header.isDeleted() else metadata.getField("title")


CLIENTS = {"sickle": sickle, "scythe": scythe, "oaipmh": oaipmh}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("from_", metavar="FROM", nargs="?", help="a day")
    parser.add_argument("until", metavar="UNTIL", nargs="?", help="a day")
    options = parser.parse_args()
    selection = {"from_": options.from_, "until": options.until}
    selection = {name: day for name, day in selection.items() if day is not None}
    for identifier, titles in CLIENTS[options.client](options.url, selection):
        print(identifier, *titles or [""], sep="\t")


if __name__ == "__main__":
    main()
