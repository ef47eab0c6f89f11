"""The command line: requests, downloads, WebSockets, events, and a demonstration.

It is built on the public API, as a user's program would be.
"""
