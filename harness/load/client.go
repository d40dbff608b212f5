package load

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
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
	// idleLimit keeps the connections of a whole crowd, so that the load is on the shop and not on its accept queue.
	idleLimit = 8192
)

// newClient is a client that does what it is told and nothing more: one request is one request, without redirects,
// proxies or repeats, and without cookies unless the buyers have them.
func newClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &wire{dialer: net.Dialer{Timeout: requestWithin}, idle: map[string][]*kept{}},
	}
}

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
	for _, cookie := range (&http.Response{Header: r.header}).Cookies() {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// exchange sends the request and reads the whole answer. The error says why nothing is known.
func exchange(client *http.Client, request *http.Request) (reply, error) {
	// Without cookies a client has nothing to add to its transport but copies of the request, for redirects.
	send := client.Transport.RoundTrip
	if client.Jar != nil {
		send = client.Do
	}
	response, err := send(request)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	if length := response.ContentLength; length > 0 && length <= bodyLimit {
		body.Grow(int(length) + bytes.MinRead) // which is what it takes to see the end
	}
	_, err = body.ReadFrom(io.LimitReader(response.Body, bodyLimit+1))
	if err == nil && body.Len() > bodyLimit {
		err = errTooLong
	}
	return reply{status: response.StatusCode, header: response.Header, body: body.Bytes()}, err
}

// withCookies is the client with a jar of its own: the same connections, and nobody else's cookies.
func withCookies(client *http.Client) *http.Client {
	own := *client
	own.Jar, _ = cookiejar.New(nil) // there is no error that it could return
	return &own
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
