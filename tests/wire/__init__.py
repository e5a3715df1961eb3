"""The live way on a broker in memory."""
