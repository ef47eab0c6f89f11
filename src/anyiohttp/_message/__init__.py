"""L4: what is said: the bodies of requests, and responses with theirs.

``payloads`` and its parts are request bodies that know their size and whether they can be replayed,
``response`` and ``reader`` are what comes back, ``codings`` are the content codings of both. All of
it is above every HTTP version and sees only `Exchange` of the layer below.
"""
