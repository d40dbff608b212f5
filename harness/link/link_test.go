package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/ports"
)

const linkName = "client->shop"

// world is a link with a server behind it that answers each line, "x", with "ok x".
type world struct {
	links  *Links
	server net.Listener

	mutex  sync.Mutex
	saw    []string
	events []history.Event
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) }) // runs last: nothing of toxiproxy's is excused
	w := &world{}
	links, err := Start(t.Context(), Config{Record: w.record, Links: []Spec{{Name: linkName}}})
	if err != nil {
		t.Fatal(err)
	}
	w.links = links
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := links.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	w.serve(t, "")
	if err := links.Connect(linkName, w.server.Addr().String()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) record(event history.Event) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.events = append(w.events, event)
}

// serve is an upstream at the address that it had before, or, at "", at one that it may come back to.
func (w *world) serve(t *testing.T, address string) {
	t.Helper()
	listen := func() (net.Listener, error) { return (&net.ListenConfig{}).Listen(t.Context(), "tcp", address) }
	if address == "" {
		listen = func() (net.Listener, error) { return ports.Listen(t.Context(), "127.0.0.1") }
	}
	listener, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	w.server = listener
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { w.answer(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = w.links.Close(ctx) // ends the server's connections
		group.Wait()
	})
}

func (w *world) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		w.mutex.Lock()
		w.saw = append(w.saw, lines.Text())
		w.mutex.Unlock()
		if _, err := fmt.Fprintf(conn, "ok %s\n", lines.Text()); err != nil {
			return
		}
	}
}

func (w *world) sawLine(line string) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, seen := range w.saw {
		if seen == line {
			return true
		}
	}
	return false
}

// client is a connection through the link.
type client struct {
	t *testing.T
	net.Conn
	lines *bufio.Reader
}

func (w *world) dial(t *testing.T) *client {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.links.Addr(linkName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t, conn, bufio.NewReader(conn)}
}

// refused says whether a new connection is reset, be it while it is made or when it is used.
func (w *world) refused(t *testing.T) bool {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", w.links.Addr(linkName))
	if err == nil {
		defer func() { _ = conn.Close() }()
		_, err = (&client{t, conn, bufio.NewReader(conn)}).ask("refused?", time.Second)
	}
	return isReset(err)
}

// ask sends a line and waits at most so long for the answer.
func (c *client) ask(line string, patience time.Duration) (string, error) {
	c.t.Helper()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(c, "%s\n", line); err != nil {
		return "", err
	}
	answer, err := c.lines.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

func (c *client) mustAsk(line string) time.Duration {
	c.t.Helper()
	begin := time.Now()
	if answer, err := c.ask(line, 5*time.Second); err != nil || answer != "ok "+line {
		c.t.Fatalf("%q was answered %q, %v", line, answer, err)
	}
	return time.Since(begin)
}

func (w *world) strike(t *testing.T, toxic Toxic) {
	t.Helper()
	if toxic.Fault == "" {
		toxic.Fault = "f"
	}
	toxic.Link = linkName
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := w.links.Strike(ctx, toxic); err != nil {
		t.Fatal(err)
	}
}

func (w *world) heal(t *testing.T, fault string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := w.links.Heal(ctx, fault); err != nil {
		t.Fatal(err)
	}
}

func (w *world) affected(t *testing.T, fault string, connections, chunks int64) {
	t.Helper()
	if gotConnections, gotChunks := w.links.Affected(fault); gotConnections != connections || gotChunks != chunks {
		t.Fatalf("affected %d connections and %d chunks, want %d and %d", gotConnections, gotChunks, connections, chunks)
	}
}

// Each toxic is felt by a connection that was open before it, and by a new one; in its own direction only; and no more
// after it is healed.
func TestToxicThatDestroys(t *testing.T) {
	for name, test := range map[string]struct {
		toxic  Toxic
		serves bool                 // whether the server sees the line
		client func(err error) bool // what the client sees
		chunks int64                // of two lines
	}{
		"reset_peer upstream":   {Toxic{Type: "reset_peer", Direction: Upstream}, false, isReset, 2},
		"reset_peer downstream": {Toxic{Type: "reset_peer", Direction: Downstream}, true, isReset, 2},
		"reset_peer later":      {Toxic{Type: "reset_peer", Direction: Upstream, Attributes: map[string]any{"timeout": 30}}, false, isReset, 2},
		"timeout upstream":      {Toxic{Type: "timeout", Direction: Upstream, Attributes: map[string]any{"timeout": 0}}, false, isTimeout, 2},
		"timeout downstream":    {Toxic{Type: "timeout", Direction: Downstream, Attributes: map[string]any{"timeout": 0}}, true, isTimeout, 2},
		"timeout that closes":   {Toxic{Type: "timeout", Direction: Downstream, Attributes: map[string]any{"timeout": 50}}, true, isEnd, 2},
		"limit_data upstream":   {Toxic{Type: "limit_data", Direction: Upstream, Attributes: map[string]any{"bytes": 2}}, false, isEnd, 2},
		"limit_data downstream": {Toxic{Type: "limit_data", Direction: Downstream, Attributes: map[string]any{"bytes": 2}}, true, isEnd, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			before := w.dial(t)
			before.mustAsk("calm")
			w.strike(t, test.toxic)
			for _, line := range []string{"open", "new"} {
				through := before
				if line == "new" {
					through = w.dial(t)
				}
				answer, err := through.ask(line, 400*time.Millisecond)
				if !test.client(err) {
					t.Errorf("%s: the client got %q, %v", line, answer, err)
				}
				if w.sawLine(line) != test.serves {
					t.Errorf("%s: the server saw it: %v, want %v", line, !test.serves, test.serves)
				}
			}
			w.affected(t, "f", 2, test.chunks)
			w.heal(t, "f")
			w.heal(t, "f")
			w.dial(t).mustAsk("healed")
			w.affected(t, "f", 2, test.chunks)
		})
	}
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
func isEnd(err error) bool { return errors.Is(err, io.EOF) }

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestToxicThatSlows(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for name, test := range map[string]struct {
		toxic Toxic
		line  string
		least time.Duration
	}{
		"latency upstream":   {Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 60}}, "a", 60 * time.Millisecond},
		"latency downstream": {Toxic{Type: "latency", Direction: Downstream, Attributes: map[string]any{"latency": 60.0}}, "a", 60 * time.Millisecond},
		"jitter":             {Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 60, "jitter": 20}}, "a", 40 * time.Millisecond},
		"bandwidth":          {Toxic{Type: "bandwidth", Direction: Downstream, Attributes: map[string]any{"rate": 100}}, long, 150 * time.Millisecond},
		"slicer": {
			Toxic{Type: "slicer", Direction: Upstream, Attributes: map[string]any{"average_size": 1000, "size_variation": 10, "delay": 3000}},
			long, 40 * time.Millisecond,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			open := w.dial(t)
			if took := open.mustAsk(test.line); took >= test.least {
				t.Fatalf("without the toxic it took %s", took)
			}
			w.strike(t, test.toxic)
			for name, through := range map[string]*client{"open": open, "new": w.dial(t)} {
				if took := through.mustAsk(test.line); took < test.least-time.Millisecond {
					t.Errorf("%s: it took %s, want %s or more", name, took, test.least)
				}
			}
			w.heal(t, "f")
			if took := open.mustAsk(test.line); took >= test.least {
				t.Errorf("healed, it took %s", took)
			}
			if connections, chunks := w.links.Affected("f"); connections != 2 || chunks < 2 {
				t.Errorf("affected %d connections, %d chunks", connections, chunks)
			}
		})
	}
}

func TestSlowCloseHoldsTheConnectionOpen(t *testing.T) {
	w := newWorld(t)
	w.strike(t, Toxic{Type: "slow_close", Direction: Downstream, Attributes: map[string]any{"delay": 100}})
	through := w.dial(t)
	through.mustAsk("a")
	begin := time.Now()
	if err := through.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := through.lines.ReadByte(); !isEnd(err) || time.Since(begin) < 90*time.Millisecond {
		t.Fatalf("ended after %s with %v", time.Since(begin), err)
	}
}

func TestHealTakesOneFaultOff(t *testing.T) {
	w := newWorld(t)
	slow := map[string]any{"latency": 60}
	w.strike(t, Toxic{Fault: "one", Type: "latency", Direction: Upstream, Attributes: slow})
	w.strike(t, Toxic{Fault: "two", Type: "latency", Direction: Upstream, Attributes: slow})
	w.strike(t, Toxic{Fault: "two", Type: "latency", Direction: Downstream, Attributes: slow})
	through := w.dial(t)
	w.heal(t, "two")
	if took := through.mustAsk("a"); took < 60*time.Millisecond || took > 110*time.Millisecond {
		t.Fatalf("it took %s: want one latency of 60ms", took)
	}
	w.affected(t, "one", 1, 1)
	w.affected(t, "two", 0, 0)
	w.heal(t, "never struck")
	w.strike(t, Toxic{Fault: "two", Type: "down"})
	w.heal(t, "one")
	if !w.refused(t) {
		t.Fatal("healing one brought the link up")
	}
}

func TestPortThatIsTaken(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = Start(t.Context(), Config{Record: func(history.Event) {}, Links: []Spec{{Name: linkName, Address: taken.Addr().String()}}})
	if err == nil || !strings.Contains(err.Error(), "open link "+linkName+": another program has this port: end it") {
		t.Errorf("got %v", err)
	}
}

func TestDownKeepsThePortAndCounts(t *testing.T) {
	w := newWorld(t)
	open := w.dial(t)
	open.mustAsk("a")
	address := w.links.Addr(linkName)
	w.strike(t, Toxic{Type: "down"})
	if _, err := open.ask("b", time.Second); !isReset(err) || w.sawLine("b") {
		t.Fatalf("the open connection got %v", err)
	}
	for range 3 {
		if !w.refused(t) {
			t.Fatal("a link that is down took a connection")
		}
	}
	if listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err == nil {
		_ = listener.Close()
		t.Fatal("somebody else could take the port")
	}
	w.affected(t, "f", 4, 0)
	w.heal(t, "f")
	w.dial(t).mustAsk("c")
	w.affected(t, "f", 4, 0)
}

// A connection that a toxic closes, or that heal closes, while more data comes leaves nothing behind: newWorld looks.
func TestClosedWhileDataComes(t *testing.T) {
	for name, toxic := range map[string]Toxic{
		"timeout":          {Type: "timeout", Attributes: map[string]any{"timeout": 0}},
		"limit_data":       {Type: "limit_data", Attributes: map[string]any{"bytes": 200_000}},
		"reset_peer":       {Type: "reset_peer"},
		"reset_peer later": {Type: "reset_peer", Attributes: map[string]any{"timeout": 60_000}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			toxic.Direction = Upstream
			w.strike(t, toxic)
			through := w.dial(t)
			first := make(chan struct{})
			ended := make(chan error, 1)
			go func() {
				for sent := 0; ; sent++ {
					if _, err := through.Write(make([]byte, 1<<14)); err != nil {
						ended <- err
						return
					}
					if sent == 0 {
						close(first)
					}
				}
			}()
			<-first
			for connections := int64(0); connections == 0; connections, _ = w.links.Affected("f") {
				<-time.After(time.Millisecond)
			}
			w.heal(t, "f")
			if err := <-ended; !isReset(err) {
				t.Fatalf("the client got %v", err)
			}
		})
	}
}

// A paused shop does not read. Its link must still be healed in time, and struck as well.
func TestPeerThatDoesNotRead(t *testing.T) {
	w := newWorld(t)
	deaf, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.Close() }()
	if err := w.links.Connect(linkName, deaf.Addr().String()); err != nil {
		t.Fatal(err)
	}
	w.strike(t, Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 1}})
	through := w.dial(t)
	conn, err := deaf.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	flood := make(chan error, 1)
	go func() {
		for {
			if _, err := through.Write(make([]byte, 1<<16)); err != nil {
				flood <- err
				return
			}
		}
	}()
	for w.links.relays[linkName].stuckNow() == 0 { // until all buffers on the way are full
		select {
		case err := <-flood:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	begin := time.Now()
	w.strike(t, Toxic{Fault: "second", Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 1}})
	w.heal(t, "f")
	if took := time.Since(begin); took > 2*time.Second {
		t.Fatalf("it took %s", took)
	}
	if err := <-flood; !isReset(err) {
		t.Fatalf("the client got %v", err)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(w.events) == 0 || w.events[0].Kind != history.LinkCut || w.events[0].Count != 1 || w.events[0].Fault != "second" {
		t.Fatalf("events %+v", w.events)
	}
}

func (r *relay) stuckNow() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	count := 0
	for pair := range r.pairs {
		if pair.client.stuck(200*time.Millisecond) || pair.server.stuck(200*time.Millisecond) {
			count++
		}
	}
	return count
}

func TestUpstreamComesAndGoes(t *testing.T) {
	w := newWorld(t)
	address := w.server.Addr().String()
	open := w.dial(t)
	open.mustAsk("a")
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if !w.refused(t) {
		t.Fatal("nobody listens, and the link took a connection")
	}
	w.serve(t, address)
	w.dial(t).mustAsk("c")
	open.mustAsk("d")
}

func TestBeforeConnect(t *testing.T) {
	w := newWorld(t)
	if err := w.links.Connect(linkName, ""); err != nil {
		t.Fatal(err)
	}
	if !w.refused(t) {
		t.Fatal("the link took a connection")
	}
	if err := w.links.Connect("nowhere", ""); err == nil || !strings.Contains(err.Error(), linkName) {
		t.Fatalf("got %v", err)
	}
	if address := w.links.Addr("nowhere"); address != "" {
		t.Fatalf("got %q", address)
	}
}

// Toxics that only slow come and go under load without losing a byte.
func TestChangesUnderLoad(t *testing.T) {
	w := newWorld(t)
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for n := range 8 {
		through := w.dial(t)
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				line := fmt.Sprintf("%d-%d-%s", n, i, strings.Repeat("y", i%5000))
				if answer, err := through.ask(line, 5*time.Second); err != nil || answer != "ok "+line {
					t.Errorf("%.20q was answered %.20q, %v", line, answer, err)
					return
				}
			}
		})
	}
	toxics := []Toxic{
		{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 2, "jitter": 1}},
		{Type: "slicer", Direction: Downstream, Attributes: map[string]any{"average_size": 100, "size_variation": 10}},
		{Type: "bandwidth", Direction: Upstream, Attributes: map[string]any{"rate": 10_000}},
	}
	for round := range 12 {
		toxic := toxics[round%len(toxics)]
		toxic.Fault = fmt.Sprint(round)
		w.strike(t, toxic)
		<-time.After(20 * time.Millisecond)
		if round > 0 {
			w.heal(t, fmt.Sprint(round-1))
		}
	}
	close(stop)
	clients.Wait()
}

func TestStrikeRefuses(t *testing.T) {
	w := newWorld(t)
	w.strike(t, Toxic{Fault: "there", Type: "down"})
	for name, test := range map[string]struct {
		toxic Toxic
		want  string
	}{
		"link":         {Toxic{Link: "x", Type: "down"}, `unknown link "x"`},
		"type":         {Toxic{Type: "noop"}, `unknown toxic "noop"`},
		"our own type": {Toxic{Type: typeTally, Direction: Upstream}, "unknown toxic"},
		"direction":    {Toxic{Type: "latency"}, `direction ""`},
		"attribute":    {Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"toxicity": 1}}, `unknown attribute "toxicity"`},
		"negative":     {Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": -1}}, "whole number"},
		"text":         {Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": "1s"}}, "whole number"},
		"half":         {Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 0.5}}, "whole number"},
		"rate":         {Toxic{Type: "bandwidth", Direction: Upstream}, "rate is 0"},
		"size":         {Toxic{Type: "slicer", Direction: Upstream}, "average_size is 0"},
		"variation":    {Toxic{Type: "slicer", Direction: Upstream, Attributes: map[string]any{"average_size": 5, "size_variation": 5}}, "less than the average"},
		"twice":        {Toxic{Fault: "there", Type: "down"}, "already"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.toxic.Link == "" {
				test.toxic.Link = linkName
			}
			if err := w.links.Strike(t.Context(), test.toxic); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestStartRefuses(t *testing.T) {
	defer goleak.VerifyNone(t)
	for name, config := range map[string]Config{
		"no name": {Links: []Spec{{}}},
		"twice":   {Links: []Spec{{Name: "a"}, {Name: "a"}}},
		"host":    {Host: "192.0.2.1", Links: []Spec{{Name: "a"}}},
	} {
		if _, err := Start(t.Context(), config); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
