package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"syscall"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

const (
	// requestWithin is how long a request may take whose step says nothing.
	requestWithin = 5 * time.Second
	// bodyLimit is what is read of an answer; no shop needs more to answer a buyer.
	bodyLimit = 1 << 20
)

// client does what it is told and nothing more: one request is one request, without redirects, proxies or repeats, and
// without cookies unless the buyer has them. Copies share their connections.
type client struct {
	wire *wire
	jar  http.CookieJar // nil: none
}

func newClient() client { return client{wire: newWire()} }

// reply is what came back for a request.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// part is a header of the answer or a cookie that it sets, "" if there is none.
func (r reply) part(part, name string) string {
	if part == scenarios.FromHeader {
		return r.header.Get(name)
	}
	for _, cookie := range r.cookies() {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

func (r reply) cookies() []*http.Cookie { return (&http.Response{Header: r.header}).Cookies() }

// exchange sends the request and reads the whole answer, all of it within so long. The error says why nothing is known.
func (c client) exchange(request *http.Request, within time.Duration) (reply, error) {
	if c.jar != nil {
		for _, cookie := range c.jar.Cookies(request.URL) {
			request.AddCookie(cookie)
		}
	}
	received, err := c.wire.exchange(request, within)
	if c.jar != nil {
		if set := received.cookies(); len(set) > 0 {
			c.jar.SetCookies(request.URL, set)
		}
	}
	return received, err
}

// withCookies is the client with a jar of its own: the same connections, and nobody else's cookies.
func (c client) withCookies() client {
	c.jar, _ = cookiejar.New(nil) // there is no error that it could return
	return c
}

var errTooLong = errors.New("the answer is longer than 1 MiB")

// ignorance says in few words why nothing is known about a request.
func ignorance(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	case errors.Is(err, errTooLong):
		return errTooLong.Error()
	default:
		return "connection broken"
	}
}
