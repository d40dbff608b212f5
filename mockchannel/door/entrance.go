package door

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// recordHandshake is the first byte of a TLS connection; no HTTP request begins with it.
const recordHandshake = 0x16

// entrance is the listener of the server behind the door. It looks at the first byte of each connection before it passes
// it on, without keeping others waiting.
type entrance struct {
	net.Listener
	tls    *tls.Config
	ready  chan arrival
	closed chan struct{}
	close  func() error

	admitting sync.WaitGroup
	mutex     sync.Mutex
	waiting   map[net.Conn]struct{} // those whose first byte has not come
	over      bool
}

// arrival is what the server gets from Accept.
type arrival struct {
	conn net.Conn
	err  error
}

func newEntrance(listener net.Listener, config *tls.Config) *entrance {
	e := &entrance{
		Listener: listener, tls: config, ready: make(chan arrival), closed: make(chan struct{}),
		waiting: map[net.Conn]struct{}{},
	}
	e.close = sync.OnceValue(e.end)
	return e
}

// run takes connections in until the entrance is closed. The server decides what an error means.
func (e *entrance) run() error {
	for {
		conn, err := e.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			_ = e.Close() // if it was not closed by us, nobody can come in all the same
			return nil
		case err != nil:
			e.pass(arrival{err: err})
		default:
			e.admit(conn)
		}
	}
}

// admit passes a connection on once its first byte has come.
func (e *entrance) admit(conn net.Conn) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if e.over {
		_ = conn.Close()
		return
	}
	e.waiting[conn] = struct{}{}
	e.admitting.Go(func() {
		recognized, err := e.recognize(conn)
		e.mutex.Lock()
		delete(e.waiting, conn)
		e.mutex.Unlock()
		if err != nil {
			_ = conn.Close() // nobody was there to talk to
			return
		}
		e.pass(arrival{conn: recognized})
	})
}

// recognize reads the first byte and gives it back, and adds the layer of TLS if the connection begins with it.
func (e *entrance) recognize(conn net.Conn) (net.Conn, error) {
	if err := conn.SetReadDeadline(time.Now().Add(headerTimeout)); err != nil {
		return nil, err
	}
	first := make([]byte, 1)
	if _, err := conn.Read(first); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	whole := &prefixed{Conn: conn, first: first}
	if first[0] == recordHandshake {
		return tls.Server(whole, e.tls), nil
	}
	return whole, nil
}

func (e *entrance) pass(a arrival) {
	select {
	case e.ready <- a:
	case <-e.closed:
		if a.conn != nil {
			_ = a.conn.Close()
		}
	}
}

// Accept is for the server.
func (e *entrance) Accept() (net.Conn, error) {
	select {
	case a := <-e.ready:
		return a.conn, a.err
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

// Close ends the entrance and waits for what it has begun.
func (e *entrance) Close() error { return e.close() }

func (e *entrance) end() error {
	close(e.closed)
	err := e.Listener.Close()
	e.mutex.Lock()
	e.over = true
	for conn := range e.waiting {
		_ = conn.Close()
	}
	e.mutex.Unlock()
	e.admitting.Wait()
	return err
}

// prefixed is a connection of which something was read already.
type prefixed struct {
	net.Conn
	first []byte
}

func (p *prefixed) Read(into []byte) (int, error) {
	if len(p.first) == 0 {
		return p.Conn.Read(into)
	}
	n := copy(into, p.first)
	p.first = p.first[n:]
	return n, nil
}

// NetConn is the connection below, as that of a tls.Conn.
func (p *prefixed) NetConn() net.Conn { return p.Conn }
