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

// wire sends requests over plain HTTP/1.1 connections that it keeps. http.Transport does so too, with two goroutines for
// each connection, which cost more than all else that a journey does, and with repeats of its own. Here a request is
// written once, by whoever makes it: there is no code that could send it again.
type wire struct {
	dialer net.Dialer

	mutex sync.Mutex
	idle  map[string][]*kept // by host and port; the last that came back is the first to go
}

// kept is a connection that may be used again.
type kept struct {
	net.Conn
	in  *bufio.Reader
	out *bufio.Writer
}

var errNotPlain = errors.New("only plain HTTP goes over the links")

// RoundTrip sends the request and reads the head of its answer. The connection is kept when the answer has been read to
// its end, and else closed.
func (w *wire) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme != "http" {
		return nil, fmt.Errorf("%s: %w", request.URL.Redacted(), errNotPlain)
	}
	ctx, host := request.Context(), request.URL.Host
	conn, err := w.connection(ctx, host)
	if err != nil {
		return nil, err
	}
	// Its end, and not its deadline: a connection that knew it would end a moment before the context does, and whoever asks the
	// context then would take a buyer who was cut off for a shop that was too slow.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	response, err := conn.exchange(request)
	if err != nil {
		stop()
		_ = conn.Close()
		return nil, err
	}
	response.Body = &answerBody{ReadCloser: response.Body, done: func(whole bool) {
		if untouched := stop(); whole && untouched && !response.Close {
			w.keep(host, conn)
			return
		}
		_ = conn.Close()
	}}
	return response, nil
}

// exchange writes the request and reads the head of the final answer.
func (c *kept) exchange(request *http.Request) (*http.Response, error) {
	if err := request.Write(c.out); err != nil {
		return nil, err
	}
	if err := c.out.Flush(); err != nil {
		return nil, err
	}
	for {
		response, err := http.ReadResponse(c.in, request)
		if err != nil {
			return nil, err
		}
		if response.StatusCode >= http.StatusOK { // what comes before is for whoever asked for it
			return response, nil
		}
	}
}

// answerBody gives its connection back when it is closed.
type answerBody struct {
	io.ReadCloser
	whole bool
	done  func(whole bool)
}

func (b *answerBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.whole = b.whole || errors.Is(err, io.EOF)
	return n, err
}

func (b *answerBody) Close() error {
	if b.done != nil {
		b.done(b.whole)
		b.done = nil
	}
	return nil
}

// connection is one that was kept and still stands, or a new one.
func (w *wire) connection(ctx context.Context, host string) (*kept, error) {
	for {
		w.mutex.Lock()
		conns := w.idle[host]
		if len(conns) == 0 {
			w.mutex.Unlock()
			break
		}
		conn := conns[len(conns)-1]
		w.idle[host] = conns[:len(conns)-1]
		w.mutex.Unlock()
		if stands(conn.Conn) && conn.in.Buffered() == 0 {
			return conn, nil
		}
		_ = conn.Close()
	}
	dialling, cancel := context.WithCancel(context.WithoutCancel(ctx)) // as above, the context's end and not its deadline
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	conn, err := w.dialer.DialContext(dialling, "tcp", host)
	if err != nil {
		return nil, cmp.Or(ctx.Err(), err)
	}
	return &kept{Conn: conn, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}, nil
}

// stands says that the other side has neither closed the connection nor said anything unasked. A request that is written
// into a closed one is lost, and nobody may say whether it arrived.
func stands(conn net.Conn) bool {
	raw, isRaw := conn.(syscall.Conn)
	if !isRaw {
		return true
	}
	control, err := raw.SyscallConn()
	if err != nil {
		return false
	}
	quiet := false
	err = control.Read(func(fd uintptr) bool {
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

// CloseIdleConnections closes what is kept.
func (w *wire) CloseIdleConnections() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for host, conns := range w.idle {
		for _, conn := range conns {
			_ = conn.Close()
		}
		delete(w.idle, host)
	}
}
