"""Tests of Tocsin: unit, flow, wire (embedded broker), kafka (a real one), browser."""
