"""Whole ways through the program, without a broker."""
