"""Tests of one module at a time, and of the arithmetic against its oracle."""
