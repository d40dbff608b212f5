// Package link keeps the named TCP links between client, shop, channel and database, each an in-process toxiproxy
// proxy, so that a fault can slow, cut or garble one direction of one of them.
//
// Start opens the listeners before their upstreams exist; a fault puts a Toxic on a link and takes it off again, and
// taking off is bounded, verified and safe to repeat. In front of each toxic a pass-through tally counts what the fault
// really touched, because toxiproxy itself counts nothing.
package link

// Direction is which way through a link a fault works, seen from the side that dials.
type Direction string

// The directions of a link. Upstream is towards the server: what is lost there was not processed. Downstream is the
// answer: what is lost there was.
const (
	Upstream   Direction = "upstream"
	Downstream Direction = "downstream"
)

// Toxic is a fault on one direction of one link.
type Toxic struct {
	Fault     string    // the fault's id; a link may bear several
	Link      string    // "client->shop", "shop->channel", "channel->shop"
	Direction Direction // ignored by "down"
	Type      string    // a toxiproxy type (latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data), or "down"
	// Attributes are the toxiproxy type's own, for instance {"latency": 80, "jitter": 40}.
	Attributes map[string]any
}
