package sut

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestProcessTimeIsTheKernels(t *testing.T) {
	for deadline := time.Now().Add(30 * time.Millisecond); time.Now().Before(deadline); { // so that there is some
		continue
	}
	before, err := ProcessTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	after, err := ProcessTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	between := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	if before == 0 || between < before-time.Millisecond || between > after+time.Millisecond {
		t.Errorf("%s, then %s by getrusage(2), then %s", before, between, after)
	}
	if used, err := ProcessTime(1 << 22); err == nil { // more than any process's number
		t.Errorf("a process that is not there has used %s", used)
	}
}

// What the shop has used in one life counts in the next.
func TestCPUTimeOfAllLives(t *testing.T) {
	shop := startReady(t, nil)
	node := shop.node()
	last := time.Duration(0)
	more := func(when string) {
		t.Helper()
		used, err := node.CPUTime(t.Context())
		if err != nil || used < last || used == 0 {
			t.Errorf("%s: %s, after %s: %v", when, used, last, err)
		}
		last = used
	}
	more("alive")
	if err := node.Kill(); err != nil {
		t.Fatal(err)
	}
	more("killed")
	first := last
	if err := node.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	more("alive again")
	if last < first+first/10 {
		t.Errorf("the second life has used %s", last-first)
	}
}
