package fault

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

const fill = "dd if=/dev/zero of=/data/paystorm-fill bs=64k"

// Each fault strikes at one second, and is undone at three.
func TestFaultsOfContainers(t *testing.T) {
	for name, test := range map[string]struct {
		fault  scenarios.Fault
		refuse map[string]error
		done   []string
		events []string
	}{
		"stopped, and started again": {
			fault: clocked("stop-node", `{"node":"shop-2","after":"2s"}`, time.Second, 0),
			done:  []string{"stop shop-2", "start shop-2", "books read after restart"},
			events: []string{
				"1s stop-node fault.begin", "1s stop-node fault.affected shop-2:1", "3s stop-node fault.end",
			},
		},
		"cut off": {
			fault: clocked("cut-node", `{"node":"shop-1"}`, time.Second, 2*time.Second),
			done:  []string{"strike cut-node: down shop-1", "heal cut-node"},
			events: []string{
				"1s cut-node fault.begin", "3s cut-node fault.affected shop-1:3", "3s cut-node fault.end",
			},
		},
		"the whole shop cut off": {
			fault: clocked("cut-node", `{}`, time.Second, 2*time.Second),
			done:  []string{"strike cut-node: down shop", "heal cut-node"},
			events: []string{
				"1s cut-node fault.begin", "3s cut-node fault.affected shop:3", "3s cut-node fault.end",
			},
		},
		"squeezed": {
			fault: clocked("squeeze-node", `{"node":"db","cpus":0.1,"memory":"64m"}`, time.Second, 2*time.Second),
			done:  []string{"squeeze db: 0.1, 67108864", "relax db"},
			events: []string{
				"1s squeeze-node fault.begin", "1s squeeze-node fault.affected db:1", "3s squeeze-node fault.end",
			},
		},
		"disk full": {
			fault:  clocked("fill-disk", `{"node":"db"}`, time.Second, 2*time.Second),
			refuse: map[string]error{"in db: " + fill: errors.New("dd: error writing: No space left on device")},
			done:   []string{"in db: " + fill, "in db: rm -f /data/paystorm-fill", "in db: test ! -e /data/paystorm-fill"},
			events: []string{
				"1s fill-disk fault.begin", "1s fill-disk fault.affected db:1", "3s fill-disk fault.end",
			},
		},
		"clock slow": {
			fault: clocked("skew-clock", `{"node":"shop-2","by":"-1m30s"}`, time.Second, 2*time.Second),
			done:  []string{"into shop-2: /etc/clock: -90s", "into shop-2: /etc/clock: +0s"},
			events: []string{
				"1s skew-clock fault.begin", "1s skew-clock fault.affected shop-2:1", "3s skew-clock fault.end",
			},
		},
		"a command, which is over at once": {
			fault: clocked("run-in-node", `{"node":"cache","act":"flush"}`, time.Second, 0),
			done:  []string{"in cache: redis-cli flushall"},
			events: []string{
				"1s run-in-node fault.begin", "1s run-in-node fault.affected cache:1", "1s run-in-node fault.end",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, inContainers(), test.fault)
				for words, err := range test.refuse {
					w.refusing(words, err)
				}
				w.begin()
				time.Sleep(5 * time.Second)
				w.heal()
				w.finish()
				w.wantDone(test.done...)
				w.wantEvents(test.events...)
			})
		})
	}
}

// What cannot be done to a node fails the run, and says what it was.
func TestFaultsThatCannotStrike(t *testing.T) {
	for name, test := range map[string]struct {
		kind, params string
		refuse       map[string]error
		plain        bool // the node is no container
		want         string
	}{
		"no dd there": {
			"fill-disk", `{"node":"db"}`,
			map[string]error{"in db: " + fill: errors.New("not found")},
			false, "node db: the disk did not get full",
		},
		"a disk without an end": {"fill-disk", `{"node":"db"}`, nil, false, "node db: the disk did not get full"},
		"the command fails": {
			"run-in-node", `{"node":"cache","act":"flush"}`,
			map[string]error{"in cache: redis-cli flushall": errors.New("no")},
			false, "node cache: act flush: exit status 1",
		},
		"stop":    {"stop-node", `{}`, nil, true, "shop cannot be asked to end"},
		"squeeze": {"squeeze-node", `{"cpus":0.1}`, nil, true, "shop cannot be limited"},
		"fill":    {"fill-disk", `{"node":"db"}`, nil, true, "no command can be run in shop"},
		"skew":    {"skew-clock", `{}`, nil, true, "no file can be put into shop"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOf(t, inContainers())
			for words, err := range test.refuse {
				w.refusing(words, err)
			}
			_, params, err := plan(scenarios.Fault{ID: "x", Kind: test.kind, Params: json.RawMessage(test.params)}, dice0)
			if err != nil {
				t.Fatal(err)
			}
			act := params.(NodeFault)
			effect := nodeEffect{
				act: act, targets: inContainers().Nodes(act.Target()), service: inContainers().Service,
				nodes: func() []Node {
					var nodes []Node
					for _, node := range w.nodes {
						nodes = append(nodes, node)
					}
					return nodes
				},
			}
			if test.plain {
				effect.targets, effect.service = []string{"shop"}, func(string) scenarios.Service { return inContainers().Service("db") }
				effect.nodes = func() []Node { return []Node{process{&fakeNode{w: w, name: "shop", alive: true}}} }
			}
			if _, err := effect.strike(t.Context()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// process is a node that can do no more than it must.
type process struct{ node *fakeNode }

func (p process) Name() string                    { return p.node.Name() }
func (p process) Kill() error                     { return p.node.Kill() }
func (p process) Start(ctx context.Context) error { return p.node.Start(ctx) }
func (p process) Pause() error                    { return p.node.Pause() }
func (p process) Resume() error                   { return p.node.Resume() }
func (p process) Alive() bool                     { return p.node.Alive() }

// A container that ended under the fault has lost its tmpfs, and kept its limits and its clock.
func TestHealOfAContainerThatEnded(t *testing.T) {
	for name, test := range map[string]struct {
		fault  scenarios.Fault
		refuse map[string]error
		want   []string
	}{
		"a full disk": {
			clocked("fill-disk", `{"node":"db"}`, 0, 0),
			map[string]error{"in db: " + fill: errors.New("No space left on device")},
			[]string{"in db: " + fill},
		},
		"limits": {clocked("squeeze-node", `{"node":"db","cpus":0.1}`, 0, 0), nil, []string{"squeeze db: 0.1, 0", "relax db"}},
		"a clock": {
			clocked("skew-clock", `{"node":"shop-1"}`, 0, 0),
			nil,
			[]string{"into shop-1: /etc/clock: +90s", "into shop-1: /etc/clock: +0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, inContainers(), test.fault)
				for words, err := range test.refuse {
					w.refusing(words, err)
				}
				w.begin()
				time.Sleep(time.Second)
				for _, node := range w.nodes {
					node.alive = false
				}
				w.heal()
				w.finish()
				w.wantDone(test.want...)
			})
		})
	}
}

// A node that takes its time to end is not waited for by the channel, and is started when it has ended.
func TestStopIsNotWaitedForAtAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("stop-node", `{"after":"1s","on":{"message":"refund","at":"processed"}}`, 0, 0))
		w.nodes[0].ends = 3 * time.Second
		w.begin()
		before := time.Now()
		w.engine.Channel().Reached(refunded(1))
		if took := time.Since(before); took > 0 {
			t.Errorf("the channel waited for %s", took)
		}
		time.Sleep(5 * time.Second)
		w.heal()
		w.finish()
		w.wantDone("stop shop", "start shop", "books read after restart")
		w.wantEvents("0s stop-node fault.begin", "0s stop-node fault.affected shop:1", "3s stop-node fault.end")
	})
}

// A node that does not end is not healed, and that is said.
func TestStopThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, clocked("stop-node", `{}`, 0, 0))
		w.refusing("stop shop", errors.New("it will not"))
		w.begin()
		time.Sleep(100 * time.Millisecond)
		if err := w.engine.Heal(t.Context()); err == nil || !strings.Contains(err.Error(), "node shop: it will not") {
			t.Errorf("got %v", err)
		}
		w.finish()
	})
}

// A fault that strikes a link again and again says each time what that time has touched.
func TestCutAgainAtAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, inContainers(), clocked("cut-node", `{"on":{"message":"refund","at":"processed","count":1,"times":2}}`, 0, time.Second))
		w.begin()
		for n := range 2 {
			w.engine.Channel().Reached(refunded(n + 1))
			time.Sleep(2 * time.Second)
		}
		w.heal()
		w.finish()
		w.wantEvents(
			"0s cut-node fault.begin", "1s cut-node fault.affected shop:3", "1s cut-node fault.end",
			"2s cut-node fault.begin", "3s cut-node fault.end", // the links say 3 in all
		)
	})
}
