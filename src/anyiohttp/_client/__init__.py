"""L5, policy around exchanges: redirects, cookies, auth, proxy choice, retries, sessions.

It knows no bytes on the wire, no sockets and no HTTP version; it joins `_connect` and `_message`,
which do not know each other.
"""
