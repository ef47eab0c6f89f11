"""HTTP/2 on one stream (RFC 9113): many exchanges at a time.

`mapping` turns heads into fields and back, `frames` cuts what arrives into frames, `streams` keeps
the books of each stream, `engine` joins these three with the ``h2`` package. All of them are pure.
`wire` moves the bytes, `upload` a body in pieces, `exchange` and `tunnel` are what a stream looks
like from above, and `connection` is the whole.
"""
