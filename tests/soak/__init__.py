"""Proofs that take long: loads killed at random, searches while generations change, and load for many minutes."""
