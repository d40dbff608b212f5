package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

// interruptedWithin is how long an interrupted run may take to clean up, judge and end.
const interruptedWithin = 15 * time.Second

// sale is a scenario of one second with the given faults.
func sale(faults string) string {
	return fmt.Sprintf(`
name: sale
system: ./shop.yaml
sale: {items: [{sku: phone-x, stock: 15, price: 4999.00 CNY, per-buyer: 2}]}
load: {profile: steady, peak: 20/s, for: 1s}
faults: [%s]
settle: 8s
`, faults)
}

// Faults of the interrupted runs. Those of a storm are on until heal or, slow, until the books are read.
const (
	slow   = "slow-link: {link: shop->channel, direction: downstream, latency: 20ms, until: books}"
	paused = "pause-node: {from: 300ms}"
	killed = "kill-node: {from: 300ms, after: 30s}"
	locked = "lock-database: {from: 100ms}"
)

// Settings that make a phase long enough to be interrupted in it.
const (
	longStorm = `load.for=2m`
	slowLook  = `system.journeys.buy.look.think=8s`
	slowStart = `system.launch.process.command=[sh, -c, "sleep 1 && exec paystorm flashshop"]`
	// Books that are never read twice with the same result keep a run in observe for seconds.
	restless = `system.probes.grants.query=SELECT order_id AS "order", kind, random() AS value FROM grants`
)

// An interrupt in any phase, once, twice or as SIGTERM: the run ends soon, is judged as what it is, and leaves nothing
// behind. Faults that were on are off.
func TestInterrupts(t *testing.T) {
	t.Parallel()
	for _, phase := range []struct {
		name   string
		faults []string
		args   []string
		open   []string // kinds of the faults that are on when the interrupt comes
		loaded bool     // the load generator is there
	}{
		{name: history.PhaseStart, faults: []string{slow}, args: []string{"--set", slowStart}, loaded: true},
		{name: history.PhaseWarmUp, faults: []string{slow}, args: []string{"--set", slowLook}, loaded: true},
		{
			name: history.PhaseStorm, faults: []string{slow, locked, paused}, args: []string{"--set", longStorm}, loaded: true,
			open: []string{"slow-link", "lock-database", "pause-node"},
		},
		{
			name: history.PhaseHeal, faults: []string{slow, killed, locked}, args: []string{"--set", slowStart},
			open: []string{"slow-link", "kill-node", "lock-database"},
		},
		{name: history.PhaseSettle, faults: []string{slow}, open: []string{"slow-link"}},
		{name: history.PhaseObserve, faults: []string{slow}, args: []string{"--set", restless}, open: []string{"slow-link"}},
	} {
		for _, interrupt := range []struct {
			name string
			send func(*program) error
		}{
			{"SIGINT", controlC},
			{"SIGINT twice", func(p *program) error {
				if err := controlC(p); err != nil {
					return err
				}
				time.Sleep(20 * time.Millisecond)                       // a person's fingers are not quicker
				if err := controlC(p); !errors.Is(err, syscall.ESRCH) { // it may have ended by now
					return err
				}
				return nil
			}},
			{"SIGTERM", func(p *program) error { return p.cmd.Process.Signal(syscall.SIGTERM) }},
		} {
			t.Run(phase.name+"/"+interrupt.name, func(t *testing.T) {
				t.Parallel()
				p := startRun(t, sale(strings.Join(phase.faults, ", ")), phase.args...)
				p.awaitPhase(t, phase.name)
				p.awaitFaults(t, phase.open)
				if phase.loaded {
					p.member(t, "k6")
				}
				sockets := p.sockets(t)
				if len(sockets) < 4 {
					t.Fatalf("sockets %v: want those of three links and the channel", sockets)
				}
				if err := interrupt.send(p); err != nil {
					t.Fatal(err)
				}
				if status := p.exit(t, interruptedWithin); status != exitInconclusive {
					t.Errorf("exit status %d, want %d", status, exitInconclusive)
				}
				if left := p.left(t, sockets); len(left) > 0 {
					t.Errorf("it has left behind: %q", left)
				}
				p.wasInterrupted(t, phase.name, phase.open)
			})
		}
	}
}

// controlC is what a terminal does: the signal goes to the whole group, and so to no child that has its own.
func controlC(p *program) error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT) }

// awaitFaults waits until the faults of these kinds are on.
func (p *program) awaitFaults(t *testing.T, kinds []string) {
	t.Helper()
	eventually(t, fmt.Sprintf("faults %q are on", kinds), func() bool {
		recorded, err := history.Open(p.dir(t))
		if err != nil {
			t.Fatal(err)
		}
		on := faultsOn(recorded)
		return !slices.ContainsFunc(kinds, func(kind string) bool { return !on[kind] })
	})
}

// faultsOn are the faults that have begun and not ended.
func faultsOn(recorded *history.History) map[string]bool {
	on := map[string]bool{}
	for _, event := range recorded.Events {
		switch event.Kind {
		case history.FaultBegin:
			on[event.Fault] = true
		case history.FaultEnd:
			delete(on, event.Fault)
		}
	}
	return on
}

// wasInterrupted checks what an interrupted run has left to read.
func (p *program) wasInterrupted(t *testing.T, phase string, faults []string) {
	t.Helper()
	verdict, recorded := p.verdict(t)
	if verdict.Verdict != "inconclusive" {
		t.Errorf("verdict %s, want inconclusive: %q", verdict.Verdict, verdict.Reasons)
	}
	early := phase == history.PhaseStart || phase == history.PhaseWarmUp
	if early && !because(verdict, "the storm never began") || !early && !because(verdict, "cut short in its phase "+phase) {
		t.Errorf("the reasons do not say that phase %s was cut short: %q", phase, verdict.Reasons)
	}
	if !strings.Contains(p.printed(), "interrupted; the faults are undone") {
		t.Error("it does not say that it was interrupted")
	}
	for _, segment := range recorded.Segments {
		if !segment.Ended || segment.Damage != "" {
			t.Errorf("the segment of %s ended %t, damage %q", segment.Writer, segment.Ended, segment.Damage)
		}
	}
	// A load generator that is told to end before it has begun leaves no segment.
	if !early && len(recorded.Segments) != len(recorded.Header.Writers) {
		t.Errorf("%d segments, want those of %q", len(recorded.Segments), recorded.Header.Writers)
	}
	if on := faultsOn(recorded); len(on) > 0 {
		t.Errorf("faults %v never ended", on)
	}
	for _, fault := range verdict.Faults {
		if !fault.Healed {
			t.Errorf("fault %s is not healed", fault.ID)
		}
	}
	for _, kind := range faults {
		healed := func(e history.Event) bool { return e.Fault == kind && e.Kind == history.FaultEnd }
		if !slices.ContainsFunc(recorded.Events, healed) {
			t.Errorf("fault %s has no end in the history", kind)
		}
	}
}

// A paystorm that is killed takes its children along, a paused shop too, and `check` judges what was recorded up to the
// last flush.
func TestKilledInTheStorm(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		faults []string
		open   []string
	}{
		{"shop at work", []string{slow}, []string{"slow-link"}},
		{"shop paused", []string{slow, paused}, []string{"slow-link", "pause-node"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startRun(t, sale(strings.Join(test.faults, ", ")), "--set", longStorm)
			p.awaitPhase(t, history.PhaseStorm)
			p.awaitFaults(t, test.open)
			p.awaitOps(t)
			sockets := p.sockets(t)
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			eventually(t, "the children are gone, and their sockets", func() bool { return len(p.left(t, sockets)) == 0 })

			check := paystorm(t, "check", p.dir(t))
			if status := check.exit(t, patience); status != exitInconclusive {
				t.Errorf("exit status %d, want %d", status, exitInconclusive)
			}
			verdict, recorded := p.verdict(t)
			wanted := []string{"the history of writer harness was cut off at", "the run was cut short in its phase storm"}
			for _, fault := range test.open {
				wanted = append(wanted, "fault "+fault+" was never seen to end")
			}
			for _, want := range wanted {
				if !because(verdict, want) {
					t.Errorf("no reason is %q: %q", want, verdict.Reasons)
				}
			}
			if !stormed(recorded) {
				t.Error("what the load generator recorded is lost")
			}
		})
	}
}

// awaitOps waits until the load generator has recorded an operation of the storm.
func (p *program) awaitOps(t *testing.T) {
	t.Helper()
	eventually(t, "an operation of the storm", func() bool {
		recorded, err := history.Open(p.dir(t))
		return err == nil && stormed(recorded)
	})
}

func stormed(recorded *history.History) bool {
	return slices.ContainsFunc(recorded.Ops, func(op history.Op) bool { return op.Writer == "load" })
}

// A shop that dies unasked in the storm is judged, and not taken for a broken machine.
func TestShopDiesInTheStorm(t *testing.T) {
	t.Parallel()
	p := startRun(t, sale(""))
	p.awaitPhase(t, history.PhaseStorm)
	if err := syscall.Kill(p.member(t, "flashshop"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	status := p.exit(t, patience)
	if status != exitFail && status != exitInconclusive {
		t.Errorf("exit status %d, want %d or %d", status, exitFail, exitInconclusive)
	}
	verdict, _ := p.verdict(t)
	if !because(verdict, `the shop died unasked at .*signal: killed`) {
		t.Errorf("no reason says that the shop died: %q", verdict.Reasons)
	}
	if because(verdict, "the harness failed") {
		t.Errorf("the harness is blamed: %q", verdict.Reasons)
	}
}

// A load generator that dies is the harness's own failure, and never a pass.
func TestLoadGeneratorDiesInTheStorm(t *testing.T) {
	t.Parallel()
	p := startRun(t, sale(""))
	p.awaitPhase(t, history.PhaseStorm)
	if err := syscall.Kill(p.member(t, "k6"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if status := p.exit(t, patience); status != exitEnvironment {
		t.Errorf("exit status %d, want %d", status, exitEnvironment)
	}
	verdict, _ := p.verdict(t)
	if verdict.Verdict != "inconclusive" || !because(verdict, "the harness failed: load generator: .*killed") {
		t.Errorf("verdict %s, %q", verdict.Verdict, verdict.Reasons)
	}
}

// A machine that stands still for most of the storm has more buyers to send afterwards than it has virtual users, of whom
// each waits for a slow shop. Those who never came prove nothing.
func TestLoadThatIsNotReached(t *testing.T) {
	t.Parallel()
	const onlyOrder = `system.journeys.buy=[{order: {post: /orders, ok: {status: [200, 201]}, refused: {status: 409, reason: code},
		within: 1500ms, json: {sku: "{{ sku }}", quantity: "{{ quantity | number }}", buyer: "{{ buyer }}", ref: "{{ ref }}"}}}]`
	p := startRun(t, sale("slow-link: {link: client->shop, direction: downstream, latency: 1200ms}"),
		"--set", "load.peak=30/s", "--set", "load.for=2500ms", "--set", onlyOrder)
	p.awaitPhase(t, history.PhaseStorm)
	k6 := p.member(t, "k6")
	if err := syscall.Kill(k6, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2500 * time.Millisecond) // the time in which the buyers would come
	if err := syscall.Kill(k6, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if status := p.exit(t, patience); status != exitInconclusive {
		t.Errorf("exit status %d, want %d", status, exitInconclusive)
	}
	verdict, _ := p.verdict(t)
	if !because(verdict, `^\d+ of 75 offered iterations were started, .*floor 95\.0%$`) {
		t.Errorf("no reason says that the load was not reached: %q", verdict.Reasons)
	}
}

// The channel alone ends well when it is told to.
func TestChannelEndsOnInterrupt(t *testing.T) {
	t.Parallel()
	p := paystorm(t, "channel", "--addr", "127.0.0.1:0")
	p.await(t, regexp.MustCompile(`^Watch and act: `))
	if err := controlC(p); err != nil {
		t.Fatal(err)
	}
	if status := p.exit(t, patience); status != exitPass {
		t.Errorf("exit status %d, want %d", status, exitPass)
	}
}
