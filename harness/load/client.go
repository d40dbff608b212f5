package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
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
// cookies, proxies or repeats.
func newClient() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: requestWithin}).DialContext,
			MaxIdleConns:        idleLimit,
			MaxIdleConnsPerHost: idleLimit,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
	}
}

// setHeader sets a header of a request that must not be sent twice. The transport repeats a request without a body when a
// kept connection breaks under it, if it carries an Idempotency-Key in this very spelling: an order that nobody sent
// twice would arrive twice. In lower case it means the same to the shop and nothing to the transport.
func setHeader(request *http.Request, name, value string) {
	if lower := strings.ToLower(name); strings.HasSuffix(lower, "idempotency-key") {
		request.Header[lower] = []string{value}
		return
	}
	request.Header.Set(name, value)
}

// exchange sends the request and reads the whole answer. The error says why nothing is known.
func exchange(client *http.Client, request *http.Request) (status int, body []byte, err error) {
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(response.Body, bodyLimit+1))
	if err == nil && len(body) > bodyLimit {
		err = errTooLong
	}
	return response.StatusCode, body, err
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
