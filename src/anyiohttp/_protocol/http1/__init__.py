"""HTTP/1.1 on one byte stream (RFC 9112).

``parsing`` and ``bodies`` turn bytes into a head and a body, ``writing`` a request into bytes,
``framing`` decides where messages end and whether the connection lives on: all pure. ``wire`` and
``upload`` send a request while listening, ``exchange`` reads the response, ``connection`` joins
them. Nothing outside this package asks how it is done; ``opening`` makes the connections.
"""
