package history

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test binary plays the other process of a run when it finds this in its environment.
const roleVariable = "HISTORY_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "clock":
		origin, err := strconv.ParseInt(os.Args[1], 10, 64)
		if err != nil {
			panic(err)
		}
		fmt.Println(int64(JoinClock(origin).Now()))
	case "writer":
		writeUntilKilled(os.Args[1])
	default:
		panic("unknown role " + role)
	}
}

// writeUntilKilled tells on stdout how many events a flush has covered.
func writeUntilKilled(dir string) {
	recorder, err := NewRecorder(dir, "w", StartClock())
	if err != nil {
		panic(err)
	}
	for n := 0; ; n++ {
		recorder.Event(stormEvent(n))
		if n%1000 == 999 {
			if err := recorder.Flush(); err != nil {
				panic(err)
			}
			fmt.Println(n + 1)
		}
	}
}

func otherProcess(t *testing.T, role, argument string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), self, argument)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = os.Stderr
	return command
}

func TestKilledWriterIsReadUpToItsLastFlush(t *testing.T) {
	dir := newRun(t, "w")
	command := otherProcess(t, "writer", dir)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	promised := 0
	for lines := bufio.NewScanner(output); promised < 20_000 && lines.Scan(); {
		if promised, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(err)
		}
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	h := open(t, dir)
	if len(h.Events) < promised || promised < 20_000 {
		t.Fatalf("%d events read, %d were flushed: %+v", len(h.Events), promised, h.Segments)
	}
	for n, event := range h.Events {
		want := stormEvent(n)
		want.Writer, want.Seq, want.At = "w", uint64(n+1), event.At
		if event != want {
			t.Fatalf("event %d is %+v, want %+v", n, event, want)
		}
	}
	if h.Complete() || h.Horizon() < h.Events[len(h.Events)-1].At {
		t.Fatalf("complete %v, horizon %d", h.Complete(), h.Horizon())
	}
}

func TestClockOfAnotherProcessAgrees(t *testing.T) {
	clock := StartClock()
	before := clock.Now()
	output, err := otherProcess(t, "clock", strconv.FormatInt(clock.Origin(), 10)).Output()
	if err != nil {
		t.Fatal(err)
	}
	after := clock.Now()
	there, err := strconv.ParseInt(strings.TrimSpace(string(output)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	const most = 2 * time.Millisecond
	if Time(there) < before.Add(-most) || Time(there) > after.Add(most) {
		t.Fatalf("the other process read %d, between %d and %d here", there, before, after)
	}
	joined := JoinClock(clock.Origin())
	if apart := joined.Now().Sub(clock.Now()); apart < -most || apart > most {
		t.Fatalf("joined in one process, %s apart", apart)
	}
	if wall := time.Since(clock.Wall(clock.Now())); wall < 0 || wall > time.Second {
		t.Fatalf("the wall clock is %s off", wall)
	}
}
