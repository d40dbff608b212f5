package door

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const headerTimeout = 10 * time.Second // for the first byte of a connection, and for a request's header

// Door is an open door. Serve must be running for anybody to come in.
type Door struct {
	hosts     []string
	handler   http.Handler
	authority *authority
	entrance  *entrance
	server    *http.Server
}

// Open makes a door for a listener. hosts are the provider's, which it stands for as a proxy and under TLS.
func Open(listener net.Listener, handler http.Handler, hosts []string) (*Door, error) {
	authority, err := newAuthority(hosts, time.Now())
	if err != nil {
		return nil, err
	}
	d := &Door{hosts: hosts, handler: handler, authority: authority}
	d.entrance = newEntrance(listener, &tls.Config{
		GetCertificate: authority.certificate,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
	})
	// What the server would log are broken connections, which are this channel's daily bread.
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0)}
	return d, nil
}

// CA is the authority's certificate in PEM, which a shop must trust. Its key never leaves the door.
func (d *Door) CA() []byte { return d.authority.pem }

// Serve lets everybody in until Shutdown or Close, and then returns http.ErrServerClosed.
func (d *Door) Serve() error {
	var group errgroup.Group
	group.Go(d.entrance.run)
	group.Go(func() error { return d.server.Serve(d.entrance) })
	return group.Wait()
}

// Shutdown lets nobody in any more and waits for the requests under way.
func (d *Door) Shutdown(ctx context.Context) error { return d.server.Shutdown(ctx) }

// Close lets nobody in any more and breaks off what is under way.
func (d *Door) Close() error { return d.server.Close() }

// ServeHTTP hands a request to the channel, also one that takes the door for a proxy to the provider.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		d.tunnel(w, r)
	case r.URL.Host == "":
		d.handler.ServeHTTP(w, r)
	case d.knows(r.URL.Hostname()) || loopback(r.URL.Hostname()):
		inner := *r
		inner.URL = &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
		d.handler.ServeHTTP(w, &inner)
	default:
		d.refuse(w, r.URL.Hostname())
	}
}

// tunnel takes the connection as a fresh one, which the client believes to be the provider's.
func (d *Door) tunnel(w http.ResponseWriter, r *http.Request) {
	host := (&url.URL{Host: r.Host}).Hostname()
	if !d.knows(host) {
		d.refuse(w, host)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reader := buffered.Reader
	early, _ := reader.Peek(reader.Buffered()) // what is buffered is there
	tunnelled := &prefixed{Conn: conn, first: slices.Clone(early)}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection Established\r\n\r\n")); err != nil {
		_ = conn.Close() // the client has gone
		return
	}
	d.entrance.admit(tunnelled)
}

func (d *Door) knows(host string) bool {
	return slices.ContainsFunc(d.hosts, func(known string) bool { return strings.EqualFold(known, host) })
}

func (d *Door) refuse(w http.ResponseWriter, host string) {
	http.Error(w, "this proxy leads to a mock payment channel and nowhere else: "+host+
		" is not of its hosts ("+strings.Join(d.hosts, ", ")+"); name it in NO_PROXY", http.StatusForbidden)
}

// loopback says whether a name is of this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}
