package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// speaker is a server that says to each request of a connection what answer says, and "" closes the connection.
func speaker(t *testing.T, answer func(conn, request int) string) (url string, dialled *atomic.Int64) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	dialled = &atomic.Int64{}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			number := int(dialled.Add(1))
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for n := 1; ; n++ {
					request, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, request.Body)
					said := answer(number, n)
					if said == "" {
						return
					}
					_, _ = io.WriteString(conn, said)
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String(), dialled
}

const plainly = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// askedWithin is what a request of ask gets.
const askedWithin = 300 * time.Millisecond

func ask(t *testing.T, client client, url string) (reply, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	return client.exchange(request, askedWithin)
}

func TestConnectionsAreKept(t *testing.T) {
	cases := []struct {
		name   string
		answer func(conn, request int) string
		dialed int64 // for three requests
		fails  string
	}{
		{"an answer with a length", func(int, int) string { return plainly }, 1, ""},
		{"an answer in chunks", func(int, int) string {
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
		}, 1, ""},
		{"no content", func(int, int) string { return "HTTP/1.1 204 No Content\r\n\r\n" }, 1, ""},
		{"a provisional answer first", func(int, int) string { return "HTTP/1.1 103 Early Hints\r\n\r\n" + plainly }, 1, ""},
		{"the server says that it closes", func(int, int) string {
			return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
		}, 3, ""},
		{"more than was asked for", func(int, int) string { return plainly + "HTTP/1.1 200 OK\r\n\r\n" }, 3, ""},
		{"closed without an answer", func(int, int) string { return "" }, 3, "connection closed"},
		{"half an answer", func(int, int) string { return "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok" }, 3, "timeout"},
		{"no HTTP", func(int, int) string { return "hello\r\n\r\n" }, 3, "connection broken"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			url, dialed := speaker(t, c.answer)
			client := newClient()
			defer client.wire.close()
			for range 3 {
				got, err := ask(t, client, url)
				switch {
				case c.fails == "" && (err != nil || got.status/100 != 2):
					t.Fatalf("got %+v, %v", got, err)
				case c.fails != "" && (err == nil || ignorance(err) != c.fails):
					t.Fatalf("got %v, want %q", err, c.fails)
				}
			}
			if dialed.Load() != c.dialed {
				t.Errorf("%d connections, want %d", dialed.Load(), c.dialed)
			}
		})
	}
}

// A connection that the server closed meanwhile is not written into.
func TestAConnectionThatWasClosedMeanwhile(t *testing.T) {
	url, dialed := speaker(t, func(_, request int) string {
		if request > 1 {
			return ""
		}
		return plainly
	})
	client := newClient()
	defer client.wire.close()
	if _, err := ask(t, client, url); err != nil {
		t.Fatal(err)
	}
	conn := client.wire.idle[strings.TrimPrefix(url, "http://")][0]
	if !conn.stands() {
		t.Fatal("a connection that stands is taken for closed")
	}
	// Half a request makes the server give the connection up.
	if _, err := io.WriteString(conn.Conn, "nonsense\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); conn.stands(); {
		if time.Now().After(deadline) {
			t.Fatal("the server keeps the connection")
		}
	}
	if _, err := ask(t, client, url); err != nil || dialed.Load() != 2 {
		t.Errorf("%v after %d connections", err, dialed.Load())
	}
}

// What ended a request in time does not end the next one.
func TestAConnectionOutlivesItsDeadline(t *testing.T) {
	url, dialed := speaker(t, func(int, int) string { return plainly })
	client := newClient()
	defer client.wire.close()
	for range 3 {
		if _, err := ask(t, client, url); err != nil {
			t.Fatal(err)
		}
		time.Sleep(askedWithin + 50*time.Millisecond)
	}
	if dialed.Load() != 1 {
		t.Errorf("%d connections, want 1", dialed.Load())
	}
}

func TestARequestThatIsCutOff(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	url, _ := speaker(t, func(int, int) string { <-hold; return "" })
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cancel)
	began := time.Now()
	if _, err := newClient().exchange(request, time.Minute); err == nil || time.Since(began) > 2*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// When a request fails because its time is over, its context says so too.
func TestTheContextEndsFirst(t *testing.T) {
	hold := make(chan struct{})
	defer close(hold)
	url, _ := speaker(t, func(int, int) string { <-hold; return "" })
	client := newClient()
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.exchange(request, time.Minute); err == nil || ctx.Err() == nil || ignorance(err) != "timeout" {
			t.Errorf("%v, and the context: %v", err, ctx.Err())
		}
		cancel()
	}
}

func TestOnlyPlainHTTP(t *testing.T) {
	if _, err := ask(t, newClient(), "https://127.0.0.1:1"); !errors.Is(err, errNotPlain) {
		t.Errorf("got %v", err)
	}
	if _, err := ask(t, newClient(), "http://127.0.0.1:1"); err == nil || ignorance(err) != "connection refused" {
		t.Errorf("got %v", fmt.Sprint(err))
	}
}
