"""L2: HTTP on one byte stream.

``base`` holds the two contracts that make HTTP versions interchangeable, ``opening`` is the only
place that asks which version a stream speaks, ``http1`` is HTTP/1.1.
"""
