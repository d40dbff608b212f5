package door_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/mockchannel/door"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	provider = "api.mch.weixin.qq.com"
	patience = 5 * time.Second
)

// echo tells what has reached it. /reset breaks the connection as the channel's faults do.
func echo(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/reset" {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for wrapped, ok := conn.(interface{ NetConn() net.Conn }); ok; wrapped, ok = conn.(interface{ NetConn() net.Conn }) {
			conn = wrapped.NetConn()
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
		return
	}
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s tls=%v %s", r.Proto, r.Host, r.URL.RequestURI(), r.TLS != nil, body)
}

// opened is a door that stands open until the test ends.
func opened(t *testing.T) (*door.Door, *net.TCPAddr) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d, err := door.Open(listener, http.HandlerFunc(echo), []string{provider})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- d.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := d.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return d, listener.Addr().(*net.TCPAddr)
}

// client is a shop's, which trusts the door.
func client(t *testing.T, d *door.Door, change func(*http.Transport)) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(d.CA()) {
		t.Fatal("the authority's certificate is none")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	if change != nil {
		change(transport)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// proxied goes through the door as a proxy.
func proxied(at *net.TCPAddr) func(*http.Transport) {
	return func(t *http.Transport) { t.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: at.String()}) }
}

// hosted has an entry in the hosts file that leads to the door, whatever the name.
func hosted(at *net.TCPAddr) func(*http.Transport) {
	return func(t *http.Transport) {
		t.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at.String())
		}
	}
}

func get(client *http.Client, address string) (status int, body string, err error) {
	response, err := client.Post(address, "text/plain", strings.NewReader("hello"))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func TestTheWaysIn(t *testing.T) {
	d, at := opened(t)
	for name, test := range map[string]struct {
		change  func(*http.Transport)
		address string
		want    string
	}{
		"plain":                     {nil, "http://" + at.String() + "/v3/x?a=b", "HTTP/1.1 " + at.String() + " /v3/x?a=b tls=false hello"},
		"TLS by address":            {nil, "https://" + at.String() + "/v3", "HTTP/1.1 " + at.String() + " /v3 tls=true hello"},
		"TLS by loopback name":      {nil, fmt.Sprintf("https://localhost:%d/v3", at.Port), fmt.Sprintf("HTTP/1.1 localhost:%d /v3 tls=true hello", at.Port)},
		"an entry in the hosts":     {hosted(at), "https://" + provider + "/v3", "HTTP/1.1 " + provider + " /v3 tls=true hello"},
		"a proxy for TLS":           {proxied(at), "https://" + provider + "/v3/%7Cx?a=%20b", "HTTP/1.1 " + provider + " /v3/%7Cx?a=%20b tls=true hello"},
		"a proxy for plain HTTP":    {proxied(at), "http://" + provider + "/v3/%7Cx?a=%20b", "HTTP/1.1 " + provider + " /v3/%7Cx?a=%20b tls=false hello"},
		"a host in capital letters": {proxied(at), "https://" + strings.ToUpper(provider) + "/", "HTTP/1.1 " + strings.ToUpper(provider) + " / tls=true hello"},
	} {
		t.Run(name, func(t *testing.T) {
			shop := client(t, d, test.change)
			for range 2 { // the second over the same connection
				if status, body, err := get(shop, test.address); err != nil || status != http.StatusOK || body != test.want {
					t.Errorf("got %d %q, %v, want %q", status, body, err, test.want)
				}
			}
		})
	}
}

func TestNobodyElseIsStoodFor(t *testing.T) {
	d, at := opened(t)
	const foreign = "example.org"
	if _, _, err := get(client(t, d, proxied(at)), "https://"+foreign+"/"); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("CONNECT to another host: %v", err)
	}
	if _, _, err := get(client(t, d, proxied(at)), "https://sub."+provider+"/"); err == nil || !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("CONNECT to a host below a known one: %v", err)
	}
	if status, body, err := get(client(t, d, proxied(at)), "http://"+foreign+"/"); err != nil || status != http.StatusForbidden ||
		!strings.Contains(body, "NO_PROXY") {
		t.Errorf("a proxy request for another host: %d %q, %v", status, body, err)
	}
	if _, _, err := get(client(t, d, hosted(at)), "https://"+foreign+"/"); err == nil {
		t.Error("another host was certified")
	}
	untrusting := &http.Client{Transport: &http.Transport{}, Timeout: patience}
	if _, _, err := get(untrusting, "https://"+at.String()+"/"); err == nil {
		t.Error("a client believed a certificate of an authority that it does not know")
	}
}

// Whoever trusts the authority does not thereby trust it with other hosts.
func TestTheAuthorityIsBounded(t *testing.T) {
	d, at := opened(t)
	conn, err := tls.Dial("tcp", at.String(), &tls.Config{ServerName: provider, InsecureSkipVerify: true}) // verified below
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(d.CA())
	leaf := conn.ConnectionState().PeerCertificates[0]
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: provider}); err != nil {
		t.Errorf("for the provider's host: %v", err)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "example.org"}); err == nil {
		t.Error("for another host too")
	}
	if conn.ConnectionState().NegotiatedProtocol == "h2" {
		t.Error("HTTP/2 was agreed on")
	}
}

func TestConnectionsCanBeResetUnderTLS(t *testing.T) {
	d, at := opened(t)
	for name, change := range map[string]func(*http.Transport){"direct": hosted(at), "through the proxy": proxied(at)} {
		_, _, err := get(client(t, d, change), "https://"+provider+"/reset")
		if err == nil || !strings.Contains(err.Error(), "connection reset by peer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A client that says nothing keeps nobody waiting, and the door can be shut nevertheless.
func TestSilentConnections(t *testing.T) {
	d, at := opened(t)
	for range 3 {
		conn, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	if status, _, err := get(client(t, d, nil), "http://"+at.String()+"/"); err != nil || status != http.StatusOK {
		t.Errorf("got %d, %v", status, err)
	}
}

func TestConnectWithoutTLSInside(t *testing.T) {
	_, at := opened(t)
	conn, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// What comes right after the request for a tunnel is not lost.
	fmt.Fprintf(conn, "CONNECT %s:80 HTTP/1.1\r\nHost: %[1]s:80\r\n\r\nGET /inside HTTP/1.1\r\nHost: %[1]s\r\n\r\n", provider)
	reader := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 200 Connection Established", "", "HTTP/1.1 200 OK"} {
		if line, err := reader.ReadString('\n'); err != nil || strings.TrimSpace(line) != want {
			t.Fatalf("got %q, %v, want %q", line, err, want)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	d, at := opened(t)
	shop := client(t, d, proxied(at))
	var everybody sync.WaitGroup
	for range 50 {
		everybody.Go(func() {
			if status, _, err := get(shop, "https://"+provider+"/"); err != nil || status != http.StatusOK {
				t.Errorf("got %d, %v", status, err)
			}
		})
	}
	everybody.Wait()
}
