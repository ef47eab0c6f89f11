"""L3: from a key to a usable connection.

``key`` says what makes connections interchangeable, ``pool_state`` decides which connection
carries which call, ``pool`` waits and dials as it says, ``connectors`` are the public classes;
``dialing`` makes connections out of ``resolver``, ``tcp``, ``unix``, ``tunnels`` and ``tls``.
"""
