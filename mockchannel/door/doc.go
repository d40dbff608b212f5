// Package door is the way into a channel for shops whose client libraries cannot be told another address than the
// provider's own.
//
// One listener takes plain HTTP, TLS, and what is meant for an HTTP proxy, told apart by the first byte of a connection.
// TLS ends here, with certificates by an authority that the door makes for itself and that may certify nothing but the
// provider's hosts and loopback names. So an unmodified library reaches the channel by its base URL, by HTTPS_PROXY (the
// door answers CONNECT) or by an entry in the hosts file, if it trusts the authority's certificate.
//
// The door leads to the channel and nowhere else: as a proxy it refuses every other host, so it is no open proxy. It
// speaks HTTP/1.1 only, since whoever breaks a connection on purpose must be able to take it from the server.
package door
