"""Harvests oai_dc completely with one of the clients that Python has: sickle, scythe or oaipmh.

Prints a line for each record: its identifier, a tab, and its title, or nothing if it is deleted.
"""

import argparse
from datetime import datetime


def sickle(url, selection):
    from sickle import Sickle

    for record in Sickle(url).ListRecords(metadataPrefix="oai_dc", **selection):
        yield record.header.identifier, [] if record.deleted else record.metadata["title"]


def scythe(url, selection):
    from oaipmh_scythe import Scythe

    names = {"from": "from_", "set": "set_"}
    selection = {names.get(name, name): value for name, value in selection.items()}
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
    for name in selection.keys() & {"from", "until"}:
        selection[name] = datetime.fromisoformat(selection[name])
    if "from" in selection:
        selection["from_"] = selection.pop("from")
    for header, metadata, _ in client.listRecords(metadataPrefix="oai_dc", **selection):
        yield header.identifier(), [] if header.isDeleted() else metadata.getField("title")


CLIENTS = {"sickle": sickle, "scythe": scythe, "oaipmh": oaipmh}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("selection", nargs="*", help="from=DAY, until=DAY, set=SPEC")
    options = parser.parse_args()
    selection = dict(word.split("=", 1) for word in options.selection)
    for identifier, titles in CLIENTS[options.client](options.url, selection):
        print(identifier, *titles or [""], sep="\t")


if __name__ == "__main__":
    main()
