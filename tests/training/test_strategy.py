"""The rule for widths: of the model's size and the kind of device, and of nothing else."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from varbench.errors import InputError
from varbench.training.strategy import GPU_BUSY_BYTES, GPU_LANE_BYTES, ImageWork, Strategy, default_strategy


def test_the_rule_sees_neither_runs_nor_devices():
    assert set(inspect.signature(default_strategy).parameters) == {"parameters", "platform", "images"}
    assert {field.name for field in fields(ImageWork)} == {"values", "batch_size", "examplewise"}


def test_lanes_of_a_gpu_are_a_power_of_two_that_fits_the_budget_as_well_as_can_be():
    for exponent in range(31):
        strategy = default_strategy(parameters=2**exponent + 1, platform="gpu")
        assert (strategy.chosen_by, strategy.batching) == ("rule", "vmap")
        assert 1 <= strategy.width <= 1024
        assert strategy.width & (strategy.width - 1) == 0
        if strategy.width > 1:
            bytes_of_all = strategy.width * 16 * (2**exponent + 1)
            assert bytes_of_all <= GPU_LANE_BYTES
            budget = GPU_LANE_BYTES if strategy.width < 256 else GPU_BUSY_BYTES
            assert strategy.width in (1024, 256) or 2 * bytes_of_all > budget


@pytest.mark.parametrize(
    ("parameters", "width", "batching"),
    [
        (650, 16, "vmap"),
        (2_047, 16, "vmap"),
        (2_048, 4, "map"),
        (15_210, 4, "map"),
        (131_071, 4, "map"),
        (301_066, 1, "map"),
    ],
)
def test_a_cpu_batches_only_what_is_tiny_and_trains_alone_what_is_large(parameters, width, batching):
    strategy = default_strategy(parameters=parameters, platform="cpu")
    assert (strategy.width, strategy.batching, strategy.chosen_by) == (width, batching, "rule")


@pytest.mark.parametrize(
    ("values", "batch_size", "examplewise", "microbatch"),
    [
        (16 * 32 * 32, 100, True, 20),
        (16 * 32 * 32, 128, True, 16),
        (16 * 28 * 28, 60, True, 30),
        (20_000, 100, True, 20),
        (19_000, 100, True, 20),
        (20_001, 100, True, 10),
        (60_000, 64, True, 8),
        (4_000, 100, True, None),
        (16 * 32 * 32, 24, True, None),
        (16 * 32 * 32, 97, True, None),
        (64 * 32 * 32, 100, True, 10),
        (16 * 32 * 32, 34, True, 17),
        (16 * 8 * 8, 100, True, None),
        (16 * 32 * 32, 100, False, None),
    ],
)
def test_a_cpu_takes_images_in_parts_of_a_batch_that_stay_in_the_cache(values, batch_size, examplewise, microbatch):
    work = ImageWork(values, batch_size, examplewise)
    for parameters in (900, 24_000, 200_000):
        strategy = default_strategy(parameters=parameters, platform="cpu", images=work)
        assert strategy == Strategy(1, "map", "winograd", microbatch=microbatch)
        elsewhere = default_strategy(parameters=parameters, platform="gpu", images=work)
        assert elsewhere == default_strategy(parameters=parameters, platform="gpu")


@pytest.mark.parametrize(
    ("parameters", "width"),
    [(650, 1024), (3_434, 1024), (15_210, 512), (26_122, 256), (301_066, 256), (2_000_000, 64), (10_000_000_000, 1)],
)
def test_a_gpu_has_more_lanes_of_what_is_small(parameters, width):
    assert default_strategy(parameters=parameters, platform="gpu").width == width


def test_what_does_not_fit_twice_is_trained_alone():
    assert default_strategy(parameters=10_000_000_000, platform="gpu").width == 1


def test_level_zero_of_the_width_is_the_strategys_own_and_others_are_batched():
    strategy = Strategy(width=8, batching="map", convolution="native")
    assert strategy.at_width(0) == strategy
    assert strategy.at_width(3) == Strategy(width=3, batching="vmap", convolution="native")
    assert Strategy(1, "map", "winograd", microbatch=5).at_width(2) == Strategy(2, "vmap", "winograd", microbatch=5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"width": 0}, "strategy.width = 0: at least 1 was expected"),
        ({"width": 1, "batching": "scan"}, "strategy.batching = 'scan'"),
        ({"width": 1, "convolution": "fft"}, "strategy.convolution = 'fft'"),
        ({"width": 1, "microbatch": 0}, "strategy.microbatch = 0: at least 1 was expected"),
    ],
)
def test_impossible_strategies_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        Strategy(**given)


def test_a_strategy_is_written_and_read_as_names_and_values():
    strategy = Strategy(width=4, chosen_by="flag")
    assert Strategy(**strategy.as_dict()) == strategy
    assert "microbatch" not in strategy.as_dict()
    parts = Strategy(width=4, microbatch=20)
    assert Strategy(**parts.as_dict()) == parts
