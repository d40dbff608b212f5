package link

import (
	"context"
	"net"
	"sync/atomic"
)

// balancer hands its connections to links in turn, as the load balancer before a shop of several replicas does. It has
// no toxics of its own: what befalls a connection befalls it on the link that took it.
type balancer struct {
	listener net.Listener
	over     []*relay
	next     atomic.Uint64
}

// admit offers a connection to the next link, and to those after it if that one does not take it.
func (b *balancer) admit(ctx context.Context, arrived *arrival) {
	first := b.next.Add(1) - 1
	for nth := range uint64(len(b.over)) {
		if b.over[(first+nth)%uint64(len(b.over))].take(ctx, arrived) {
			return
		}
	}
	reset(arrived.conn)
}
