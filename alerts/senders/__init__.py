"""The ways out: each sender is one channel, and the only I/O in `alerts`."""
