"""Run directories: what is written, published, read and checked."""

from varbench.store.files import read_record, write_record
from varbench.store.lock import locked
from varbench.store.population import Plan, PopulationStore

__all__ = ["Plan", "PopulationStore", "locked", "read_record", "write_record"]
