package link

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// shops are two links, each to a server of its own, with a balancer over them.
type shops struct {
	*world        // its links are those of both
	first, second *world
}

const (
	firstLink  = linkName + "-1"
	secondLink = linkName + "-2"
	nodeGroup  = "both by another name"
)

func newShops(t *testing.T) shops {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) }) // runs last
	s := shops{&world{}, &world{}, &world{}}
	links, err := Start(t.Context(), Config{
		Record: s.record,
		Links:  []Spec{{Name: linkName, Over: []string{firstLink, secondLink}}, {Name: firstLink}, {Name: secondLink, Host: "127.0.0.2"}},
		Groups: map[string][]string{nodeGroup: {firstLink, secondLink}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := links.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	for name, behind := range map[string]*world{firstLink: s.first, secondLink: s.second} {
		behind.links = links
		behind.serve(t, "")
		if err := links.Connect(name, behind.server.Addr().String()); err != nil {
			t.Fatal(err)
		}
	}
	s.links = links
	return s
}

// spread asks once by each of n new connections, and says how many came to each server.
func (s shops) spread(t *testing.T, n int) (first, second int) {
	t.Helper()
	before := []int{s.first.count(), s.second.count()}
	for range n {
		s.dial(t).mustAsk("a")
	}
	return s.first.count() - before[0], s.second.count() - before[1]
}

func (w *world) count() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.saw)
}

func (s shops) wantSpread(t *testing.T, wantFirst, wantSecond int) {
	t.Helper()
	if first, second := s.spread(t, wantFirst+wantSecond); first != wantFirst || second != wantSecond {
		t.Errorf("%d and %d connections came to the two servers, want %d and %d", first, second, wantFirst, wantSecond)
	}
}

func TestBalancerSpreadsConnections(t *testing.T) {
	newShops(t).wantSpread(t, 3, 3)
}

func TestBalancerSkipsWhatDoesNotTakeConnections(t *testing.T) {
	for name, test := range map[string]struct {
		gone func(*testing.T, shops)
		back func(*testing.T, shops)
	}{
		"its link is down": {
			func(t *testing.T, s shops) { s.on(t, firstLink, Toxic{Type: "down"}) },
			func(t *testing.T, s shops) { s.heal(t, "f") },
		},
		"nobody listens there": {
			func(t *testing.T, s shops) {
				if err := s.first.server.Close(); err != nil {
					t.Fatal(err)
				}
			},
			func(t *testing.T, s shops) { s.first.serve(t, s.first.server.Addr().String()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShops(t)
			s.wantSpread(t, 2, 2)
			test.gone(t, s)
			s.wantSpread(t, 0, 4)
			test.back(t, s)
			s.wantSpread(t, 2, 2)
		})
	}
}

// on strikes a link or a group, which world.strike does not choose.
func (s shops) on(t *testing.T, link string, toxic Toxic) {
	t.Helper()
	toxic.Fault, toxic.Link = "f", link
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := s.links.Strike(ctx, toxic); err != nil {
		t.Fatal(err)
	}
}

// A group is struck and healed as a whole, by whichever of its names, and each connection counts once.
func TestGroupIsStruckAsAWhole(t *testing.T) {
	for _, name := range []string{linkName, nodeGroup} {
		t.Run(name, func(t *testing.T) {
			s := newShops(t)
			s.on(t, name, Toxic{Type: "latency", Direction: Upstream, Attributes: map[string]any{"latency": 60}})
			for range 2 {
				if took := s.dial(t).mustAsk("a"); took < 60*time.Millisecond {
					t.Errorf("a connection took %s", took)
				}
			}
			s.affected(t, "f", 2, 2)
			s.heal(t, "f")
			for range 2 {
				if took := s.dial(t).mustAsk("a"); took >= 60*time.Millisecond {
					t.Errorf("healed, it took %s", took)
				}
			}
		})
	}
}

func TestGroupThatIsDownRefusesAConnectionOnce(t *testing.T) {
	s := newShops(t)
	open := s.dial(t)
	open.mustAsk("a")
	s.on(t, linkName, Toxic{Type: "down"})
	if _, err := open.ask("b", time.Second); !isReset(err) {
		t.Errorf("the open connection got %v", err)
	}
	for range 3 {
		if !s.refused(t) {
			t.Fatal("a connection was taken")
		}
	}
	s.affected(t, "f", 4, 0)
	s.heal(t, "f")
	s.wantSpread(t, 1, 1)
}

func TestLinkHasItsOwnHost(t *testing.T) {
	s := newShops(t)
	for name, host := range map[string]string{linkName: "127.0.0.1:", firstLink: "127.0.0.1:", secondLink: "127.0.0.2:"} {
		if address := s.links.Addr(name); !strings.HasPrefix(address, host) {
			t.Errorf("%s listens at %q", name, address)
		}
	}
}

func TestGroupsRefuse(t *testing.T) {
	single := []Spec{{Name: "a"}}
	for name, test := range map[string]struct {
		config Config
		want   string
	}{
		"an unknown member":       {Config{Links: single, Groups: map[string][]string{"g": {"b"}}}, `unknown link "b": want one of a`},
		"nobody":                  {Config{Links: single, Groups: map[string][]string{"g": nil}}, `"g"`},
		"the name of a link":      {Config{Links: single, Groups: map[string][]string{"a": {"a"}}}, `"a"`},
		"a balancer over nothing": {Config{Links: append(slices.Clone(single), Spec{Name: "g", Over: []string{"b"}})}, `unknown link "b"`},
		"the name of a balancer":  {Config{Links: append(slices.Clone(single), Spec{Name: "g", Over: []string{"a"}}), Groups: map[string][]string{"g": {"a"}}}, `"g"`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Start(t.Context(), test.config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	s := newShops(t)
	if err := s.links.Connect(linkName, "127.0.0.1:1"); err == nil {
		t.Error("a balancer was led somewhere itself")
	}
}
