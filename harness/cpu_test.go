package harness

import (
	"runtime"
	"testing"
	"time"
)

// TestMachineTimeIsOfOurProcessors: a run that is bound to some of the machine's processors is not told of work on others. No
// more time passes on those that it may use than there are of them.
func TestMachineTimeIsOfOurProcessors(t *testing.T) {
	before, err := machineTime(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for time.Since(begin) < 300*time.Millisecond { // uses one processor whole
	}
	passed := time.Since(begin)
	after, err := machineTime(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	used, tick := after-before, 10*time.Millisecond
	if most := time.Duration(runtime.NumCPU())*passed + time.Duration(runtime.NumCPU())*tick; used > most || used < passed/2 {
		t.Errorf("the machine used %s in %s on %d processors, one of which was busy", used, passed, runtime.NumCPU())
	}
}
