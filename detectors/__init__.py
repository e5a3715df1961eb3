"""Pure arithmetic of early warning: numpy and the standard library, no clock, no I/O.

The way of a number: `EventBatch` (columns) → `panes` (one hop's partial per series) → `windows` and
`latest` (the value at a boundary) → `levels` (hysteresis and holds) → `Transition`.
"""
