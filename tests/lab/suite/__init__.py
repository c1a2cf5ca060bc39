"""The project that the tests on real hosts work in: an inventory, an application, and three hosts that are set up."""
