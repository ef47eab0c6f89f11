"""The command line: a demonstration against a server of its own, and a fetch of one URL.

It is built on the public API, as a user's program would be.
"""
