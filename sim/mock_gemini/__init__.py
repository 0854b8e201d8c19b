"""A mock Gemini: a real HTTP server built on the simulator's upstream and faults.

What becomes of a call is decided by the functions the simulator compiles; the server acts
it out in wall time, as Gemini looks on the wire.
"""
