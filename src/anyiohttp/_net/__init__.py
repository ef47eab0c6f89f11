"""L1: the only glue between this library and anyio, ssl and the operating system.

``streams`` are byte streams that can be tried without waiting, ``tls`` puts TLS on any of them,
``call`` is what travels down from a user's call, ``deadlines`` turns its limits into cancel scopes,
``failures`` turns what the network raises into our errors, once.
"""
