"""L6: what users and this library's own tests need to test HTTP without a network. Public.

``streams`` joins two byte streams in memory.
"""
