"""The run-time type checker of the tests: as in static typing, an int is welcome where a float is wanted."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
