package load

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// idleLimit keeps the connections of a whole crowd, so that the load is on the shop and not on its accept queue.
const idleLimit = 8192

// wire sends requests over plain HTTP/1.1 connections that it keeps. http.Transport does so too, with two goroutines for
// each connection, which cost more than all else that a journey does, and with repeats of its own. Here a request is
// written once, by whoever makes it: there is no code that could send it again.
type wire struct {
	dial func(ctx context.Context, host string, deadline time.Time) (net.Conn, error)

	mutex sync.Mutex
	idle  map[string][]*kept // by host and port; the last that came back is the first to go
}

func newWire() *wire { return &wire{dial: dialTCP, idle: map[string][]*kept{}} }

// kept is a connection that may be used again.
type kept struct {
	net.Conn
	raw syscall.RawConn // nil: no socket, and nothing to be asked
	in  *bufio.Reader
	out *bufio.Writer
}

var errNotPlain = errors.New("only plain HTTP goes over the links")

// exchange sends the request and reads the whole answer, all of it within so long. The connection is kept when the answer
// has been read to its end, and else closed.
func (w *wire) exchange(request *http.Request, within time.Duration) (reply, error) {
	if request.URL.Scheme != "http" {
		return reply{}, fmt.Errorf("%s: %w", request.URL.Redacted(), errNotPlain)
	}
	ctx, host := request.Context(), request.URL.Host
	conn, err := w.connection(ctx, host, time.Now().Add(within))
	if err != nil {
		return reply{}, err
	}
	// The context's end, and not its deadline: a connection that knew it would end a moment before the context does, and
	// whoever asks the context then would take a buyer who was cut off for a shop that was too slow.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	received, reusable, err := conn.exchange(request)
	if untouched := stop(); untouched && reusable {
		w.keep(host, conn)
	} else {
		_ = conn.Close()
	}
	return received, err
}

// exchange writes the request and reads the final answer. The connection is reusable when that was read to its end, and
// the server means to go on.
func (c *kept) exchange(request *http.Request) (received reply, reusable bool, err error) {
	if err := request.Write(c.out); err != nil {
		return reply{}, false, err
	}
	if err := c.out.Flush(); err != nil {
		return reply{}, false, err
	}
	for {
		received, reusable, err = c.receive(request)
		if err != nil || received.status >= http.StatusOK { // what comes before is for whoever asked for it
			return received, reusable, err
		}
	}
}

// receive reads an answer, which may be a provisional one.
func (c *kept) receive(request *http.Request) (received reply, reusable bool, err error) {
	response, err := http.ReadResponse(c.in, request) //nolint:bodyclose // to close it is to read what is left of it
	if err != nil {
		return reply{}, false, err
	}
	body, err := readBody(response)
	return reply{status: response.StatusCode, header: response.Header, body: body}, err == nil && !response.Close, err
}

// readBody reads an answer's body to its end.
func readBody(response *http.Response) ([]byte, error) {
	if length := response.ContentLength; length >= 0 && length <= bodyLimit {
		body := make([]byte, length)
		_, err := io.ReadFull(response.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyLimit+1))
	if err == nil && len(body) > bodyLimit {
		err = errTooLong
	}
	return body, err
}

// connection is one that was kept and still stands, or a new one. It ends at the deadline.
func (w *wire) connection(ctx context.Context, host string, deadline time.Time) (*kept, error) {
	for {
		w.mutex.Lock()
		conns := w.idle[host]
		if len(conns) == 0 {
			w.mutex.Unlock()
			return w.dialled(ctx, host, deadline)
		}
		conn := conns[len(conns)-1]
		w.idle[host] = conns[:len(conns)-1]
		w.mutex.Unlock()
		if conn.SetDeadline(deadline) == nil && conn.stands() { // in this order: past its last deadline, it cannot be asked
			return conn, nil
		}
		_ = conn.Close()
	}
}

func (w *wire) dialled(ctx context.Context, host string, deadline time.Time) (*kept, error) {
	dialling, cancel := context.WithCancel(context.WithoutCancel(ctx)) // as above, the context's end and not its deadline
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	conn, err := w.dial(dialling, host, deadline)
	if err != nil {
		return nil, cmp.Or(ctx.Err(), err)
	}
	fresh := &kept{Conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
	if socket, isSocket := conn.(syscall.Conn); isSocket {
		fresh.raw, err = socket.SyscallConn()
	}
	if err = errors.Join(err, conn.SetDeadline(deadline)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return fresh, nil
}

func dialTCP(ctx context.Context, host string, deadline time.Time) (net.Conn, error) {
	return (&net.Dialer{Deadline: deadline}).DialContext(ctx, "tcp", host)
}

// stands says that the other side has neither closed the connection nor said anything unasked. A request that is written
// into a closed one is lost, and nobody may say whether it arrived.
func (c *kept) stands() bool {
	if c.in.Buffered() > 0 {
		return false
	}
	if c.raw == nil {
		return true
	}
	quiet := false
	err := c.raw.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = errors.Is(err, syscall.EAGAIN)
		return true // and never wait
	})
	return err == nil && quiet
}

func (w *wire) keep(host string, conn *kept) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.idle[host]) >= idleLimit {
		_ = conn.Close()
		return
	}
	w.idle[host] = append(w.idle[host], conn)
}

// close closes what is kept.
func (w *wire) close() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for host, conns := range w.idle {
		for _, conn := range conns {
			_ = conn.Close()
		}
		delete(w.idle, host)
	}
}
