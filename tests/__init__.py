"""The tests of rxstream."""
