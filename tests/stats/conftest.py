"""One thread for every test of statistics."""

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Thousands of tiny matrix products: threads would wait for each other, above all beside other tests."""
    with threadpool_limits(1):
        yield
