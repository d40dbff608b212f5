package history

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func newRun(t testing.TB, writers ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := Create(dir, Header{Scenario: "test", Writers: writers}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func newRecorder(t testing.TB, dir, writer string) *Recorder {
	t.Helper()
	recorder, err := NewRecorder(dir, writer, StartClock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = recorder.Close() })
	return recorder
}

func closeRecorder(t testing.TB, recorder *Recorder) {
	t.Helper()
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, dir string) *History {
	t.Helper()
	h, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What is recorded, in any mix and of any content, is what is read.
func TestRoundTrip(t *testing.T) {
	run := 0
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		run++
		dir := filepath.Join(root, Ref{Run: "r", Buyer: run, Nth: 1}.String())
		if err := Create(dir, Header{Writers: []string{"w"}}); err != nil {
			t.Fatal(err)
		}
		recorder, err := NewRecorder(dir, "w", StartClock())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = recorder.Close() }()
		want := record(t, recorder)
		if err := recorder.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Complete() {
			t.Fatalf("not complete: %+v", got.Segments)
		}
		if len(got.Events) != len(want.Events) || (len(want.Events) > 0 && !reflect.DeepEqual(got.Events, want.Events)) {
			t.Fatalf("events\n got %+v\nwant %+v", got.Events, want.Events)
		}
		if !reflect.DeepEqual(got.Ops, want.Ops) || !reflect.DeepEqual(got.Readings, want.Readings) {
			t.Fatalf("\n got %+v %+v\nwant %+v %+v", got.Ops, got.Readings, want.Ops, want.Readings)
		}
	})
}

// record records a random mix and says how the history must look.
func record(t *rapid.T, recorder *Recorder) *History {
	want := &History{}
	answered := map[int]bool{}
	when := rapid.Map(rapid.Int64Min(1), func(ns int64) Time { return Time(ns) })
	for seq := uint64(1); seq <= uint64(rapid.IntRange(0, 60).Draw(t, "records")); seq++ {
		switch rapid.SampledFrom([]string{"event", "event", "invoke", "answer", "reading"}).Draw(t, "what") {
		case "event":
			event := rapid.Make[Event]().Draw(t, "event")
			event.At = when.Draw(t, "at")
			recorder.Event(event)
			event.Writer, event.Seq = "w", seq
			want.Events = append(want.Events, event)
		case "invoke":
			invocation := rapid.Make[Invocation]().Draw(t, "invocation")
			if len(invocation.More) == 0 {
				invocation.More = nil // none is none
			}
			invocation.Op, invocation.Called = recorder.NextOp(), when.Draw(t, "called")
			recorder.Invoke(invocation)
			want.Ops = append(want.Ops, Op{Writer: "w", Seq: seq, Invocation: invocation, Outcome: Unknown})
		case "answer":
			if len(want.Ops) == 0 || answered[len(want.Ops)-1] {
				seq--
				continue
			}
			answered[len(want.Ops)-1] = true
			op := &want.Ops[len(want.Ops)-1]
			answer := rapid.Make[Answer]().Draw(t, "answer")
			answer.Op, answer.Returned = op.Op, when.Draw(t, "returned")
			recorder.Answer(answer)
			op.Returned, op.Outcome, op.Reason = answer.Returned, answer.Outcome, answer.Reason
			op.State, op.Status = answer.State, answer.Status
			if answer.Order != "" {
				op.Order = answer.Order
			}
			if answer.Payment != "" {
				op.Payment = answer.Payment
			}
		case "reading":
			reading := Reading{
				Label: ReadingFinal, Begin: when.Draw(t, "begin"), End: when.Draw(t, "end"), Tables: []Table{TableOrders},
				Books: Books{Orders: []OrderRow{{Order: "O1", Minor: rapid.Int64().Draw(t, "minor"), State: OrderPaid}}},
			}
			recorder.Reading(reading)
			reading.Writer, reading.Seq = "w", seq
			want.Readings = append(want.Readings, reading)
		}
	}
	want.sort()
	return want
}

func TestManyGoroutinesOneSequence(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := newRun(t, "w")
	recorder := newRecorder(t, dir, "w")
	const goroutines, each = 8, 500
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for n := range each {
				recorder.Event(stormEvent(n))
				op := recorder.NextOp()
				recorder.Invoke(Invocation{Op: op, Kind: OpLook})
				recorder.Answer(Answer{Op: op, Outcome: OK})
			}
		})
	}
	group.Wait()
	closeRecorder(t, recorder)
	h := open(t, dir)
	if len(h.Events) != goroutines*each || len(h.Ops) != goroutines*each || !h.Complete() {
		t.Fatalf("%d events, %d ops, %+v", len(h.Events), len(h.Ops), h.Segments)
	}
	for i := 1; i < len(h.Events); i++ {
		if h.Events[i].Seq <= h.Events[i-1].Seq {
			t.Fatalf("time ran backwards: %+v before %+v", h.Events[i-1], h.Events[i])
		}
	}
	for _, op := range h.Ops {
		if op.Outcome != OK || op.Returned < op.Called {
			t.Fatalf("op %+v", op)
		}
	}
}

func TestFlushesByItself(t *testing.T) {
	dir := newRun(t, "w")
	recorder := newRecorder(t, dir, "w")
	recorder.Event(Event{Kind: PhaseBegin})
	deadline := time.After(5 * time.Second)
	for len(open(t, dir).Events) == 0 {
		select {
		case <-deadline:
			t.Fatal("nothing was flushed")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestAWriterThatIsQuietStillSaysUpToWhen(t *testing.T) {
	dir := newRun(t, "w")
	recorder := newRecorder(t, dir, "w")
	recorder.Event(Event{Kind: PhaseBegin, At: 1})
	if err := recorder.Flush(); err != nil {
		t.Fatal(err)
	}
	if horizon := open(t, dir).Horizon(); horizon <= 1 {
		t.Fatalf("horizon %d: want the time of the flush", horizon)
	}
}

func TestLargeRecords(t *testing.T) {
	dir := newRun(t, "w")
	recorder := newRecorder(t, dir, "w")
	detail := strings.Repeat("x", flushSize)
	for range 2 * flushLimit / flushSize {
		recorder.Event(Event{Kind: HarnessErr, Detail: detail})
	}
	closeRecorder(t, recorder)
	h := open(t, dir)
	if len(h.Events) != 2*flushLimit/flushSize || h.Events[0].Detail != detail || !h.Complete() {
		t.Fatalf("%d events, %+v", len(h.Events), h.Segments)
	}
}

func TestErrorsStay(t *testing.T) {
	t.Run("after Close", func(t *testing.T) {
		recorder := newRecorder(t, newRun(t), "w")
		closeRecorder(t, recorder)
		closeRecorder(t, recorder)
		recorder.Event(Event{Kind: PhaseBegin})
		if !errors.Is(recorder.Err(), ErrClosed) {
			t.Fatalf("got %v", recorder.Err())
		}
	})
	t.Run("disk", func(t *testing.T) {
		recorder := newRecorder(t, newRun(t), "w")
		if err := recorder.file.Close(); err != nil {
			t.Fatal(err)
		}
		recorder.Event(Event{Kind: PhaseBegin})
		if err := recorder.Flush(); err == nil {
			t.Fatal("a write to a closed file went unnoticed")
		}
		for range 3 * flushLimit / flushSize { // must not wait for room that never comes
			recorder.Event(Event{Kind: HarnessErr, Detail: strings.Repeat("x", flushSize)})
		}
		if recorder.Err() == nil || recorder.Close() == nil {
			t.Fatal("the error was forgotten")
		}
	})
	t.Run("second segment of one writer", func(t *testing.T) {
		dir := newRun(t)
		newRecorder(t, dir, "w")
		if _, err := NewRecorder(dir, "w", StartClock()); !errors.Is(err, os.ErrExist) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("name", func(t *testing.T) {
		for _, name := range []string{"", "../w", "W", "a/b", strings.Repeat("w", 65)} {
			if _, err := NewRecorder(t.TempDir(), name, StartClock()); err == nil {
				t.Errorf("%q was taken", name)
			}
		}
	})
}
