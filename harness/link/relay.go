package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/Shopify/toxiproxy/v2/stream"
)

const dialTimeout = 5 * time.Second

// relay is one link: our listener and our connections, with toxiproxy's chain of toxics between each pair of them.
//
// toxiproxy's own listener is not used. It frees the port while it is down, dials without a timeout in its accept loop
// and then waits for that loop to end, and cannot tell how many connections it refused.
type relay struct {
	name     string
	links    *Links
	listener net.Listener
	server   *toxiproxy.ApiServer
	proxy    *toxiproxy.Proxy // never started: it holds the toxics

	mutex    sync.Mutex // guards the next fields
	upstream string
	pairs    map[*pair]struct{}
	down     map[*strike]struct{}
	resets   map[Direction]int // reset_peer toxics by direction
	closed   bool
	accepted int
}

func newRelay(links *Links, server *toxiproxy.ApiServer, name string, listener net.Listener) *relay {
	return &relay{
		name: name, links: links, listener: listener, server: server,
		proxy: toxiproxy.NewProxy(server, name, listener.Addr().String(), ""),
		pairs: map[*pair]struct{}{}, down: map[*strike]struct{}{}, resets: map[Direction]int{},
	}
}

// admit joins an accepted connection with one to the upstream. What cannot be joined is reset: that is the nearest that
// a port which keeps listening comes to "connection refused".
func (r *relay) admit(ctx context.Context, arrived *arrival) {
	if !r.take(ctx, arrived) {
		reset(arrived.conn)
	}
}

// take is false where the link is down or leads nowhere, and then has left the connection as it was.
func (r *relay) take(ctx context.Context, arrived *arrival) bool {
	upstream, ok := r.route(arrived)
	if !ok {
		return false
	}
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", upstream)
	if err != nil {
		return false
	}
	server := conn.(*net.TCPConn)
	pair, number := r.join(arrived, server)
	if pair == nil {
		reset(server)
		return false
	}
	name := fmt.Sprintf("%s %d ", r.name, number)
	r.proxy.Toxics.StartLink(r.server, name+string(Upstream), &pair.client, &pair.server, stream.Upstream)
	r.proxy.Toxics.StartLink(r.server, name+string(Downstream), &pair.server, &pair.client, stream.Downstream)
	return true
}

// route says where a new connection goes, and counts it if a fault refuses it.
func (r *relay) route(arrived *arrival) (upstream string, ok bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for strike := range r.down {
		arrived.refuse(strike)
	}
	return r.upstream, r.upstream != "" && len(r.down) == 0 && !r.closed
}

// join registers a pair, or returns nil if the link went down while the upstream was dialled.
func (r *relay) join(arrived *arrival, server *net.TCPConn) (*pair, int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if len(r.down) > 0 || r.closed {
		for strike := range r.down {
			arrived.refuse(strike)
		}
		return nil, 0
	}
	r.accepted++
	joined := &pair{relay: r}
	joined.client = end{conn: arrived.conn, pair: joined, receives: Downstream}
	joined.server = end{conn: server, pair: joined, receives: Upstream}
	joined.open.Store(2)
	r.pairs[joined] = struct{}{}
	r.links.group.Add(1)
	return joined, r.accepted
}

// bringDown refuses new connections and cuts those that are open, until bringUp.
func (r *relay) bringDown(by *strike) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.down[by] = struct{}{}
	for pair := range r.pairs {
		pair.cut()
		by.refused.Add(1)
	}
}

func (r *relay) bringUp(by *strike) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.down, by)
}

// setReset counts the reset_peer toxics of a direction.
func (r *relay) setReset(direction Direction, change int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.resets[direction] += change
}

// cutStuck cuts the connections whose peer has not read for so long, and says how many.
func (r *relay) cutStuck(patience time.Duration) int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	count := 0
	for pair := range r.pairs {
		if pair.client.stuck(patience) || pair.server.stuck(patience) {
			pair.cut()
			count++
		}
	}
	return count
}

func (r *relay) close() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	for pair := range r.pairs {
		pair.cut()
	}
	if err := r.listener.Close(); err != nil {
		return fmt.Errorf("close link %s: %w", r.name, err)
	}
	return nil
}

func (r *relay) isClosed() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.closed
}

// pair is a connection through the link: the client's half and the server's.
type pair struct {
	relay          *relay
	client, server end
	open           atomic.Int32 // directions that toxiproxy has not ended yet
}

func (p *pair) cut() {
	reset(p.client.conn)
	reset(p.server.conn)
}

// ended is called once by each direction.
func (p *pair) ended() {
	if p.open.Add(-1) > 0 {
		return
	}
	p.relay.mutex.Lock()
	delete(p.relay.pairs, p)
	p.relay.mutex.Unlock()
	p.relay.links.group.Done()
}

func (p *pair) resets(direction Direction) bool {
	p.relay.mutex.Lock()
	defer p.relay.mutex.Unlock()
	return p.relay.resets[direction] > 0
}

// end is one half as toxiproxy sees it: a source of one direction and the destination of the other.
type end struct {
	conn     *net.TCPConn
	pair     *pair
	receives Direction
	writing  atomic.Pointer[time.Time] // since when the write under way lasts; nil if there is none
	broken   bool                      // a write failed; only the goroutine that writes knows
}

func (e *end) Read(buffer []byte) (int, error) { return e.conn.Read(buffer) }

// Write never fails. After an error it closes the connection and swallows what still comes: toxiproxy stops reading from
// its toxics when its destination fails, and they then wait for ever, which leaks them and blocks every change of toxics.
func (e *end) Write(data []byte) (int, error) {
	if e.broken {
		return len(data), nil
	}
	now := time.Now()
	e.writing.Store(&now)
	_, err := e.conn.Write(data)
	e.writing.Store(nil)
	if err != nil {
		e.broken = true
		_ = e.conn.Close() // so that the other direction, which reads from it, ends too
	}
	return len(data), nil
}

func (e *end) stuck(patience time.Duration) bool {
	since := e.writing.Load()
	return since != nil && time.Since(*since) >= patience
}

// Close is called by toxiproxy when the direction that this end receives has ended.
func (e *end) Close() error {
	defer e.pair.ended()
	if e.pair.resets(e.receives) {
		e.pair.cut()
		return nil
	}
	return e.conn.Close()
}

// reset closes a connection so that its peer sees a reset and not an end. Whether it was closed already does not matter.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}
