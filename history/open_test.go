package history

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// smallSegment is a segment of so many events and operations, a flush with each tenth, and an end.
func smallSegment(t testing.TB, events int) []byte {
	t.Helper()
	dir := newRun(t)
	recorder := newRecorder(t, dir, "w")
	for n := range events {
		recorder.Event(stormEvent(n))
		op := recorder.NextOp()
		recorder.Invoke(Invocation{Op: op, Kind: OpOrder, Buyer: n})
		recorder.Answer(Answer{Op: op, Outcome: OK, Order: "O1"})
		if n%10 == 9 {
			recorder.Reading(Reading{Label: ReadingCheckpoint, Tables: Tables()})
			if err := recorder.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	closeRecorder(t, recorder)
	data, err := os.ReadFile(filepath.Join(dir, "history", "w.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var noHeader [sha256.Size]byte // a digest that no header has

func decode(data []byte) *History {
	h := readSegments([]string{"w"}, [][]byte{data})
	h.Header.Writers = []string{"w"}
	return h
}

// checkPrefix fails unless the part holds whole records of the whole, and all up to some sequence number.
func checkPrefix(t *testing.T, where int, part, whole *History) {
	t.Helper()
	segment := part.Segments[0]
	if segment.Ended && segment.Damage == "" {
		t.Fatalf("byte %d: taken for complete", where)
	}
	last := uint64(segment.Records)
	events, ops, readings := 0, 0, 0
	for events < len(whole.Events) && whole.Events[events].Seq <= last {
		events++
	}
	for ops < len(whole.Ops) && whole.Ops[ops].Seq <= last {
		ops++
	}
	for readings < len(whole.Readings) && whole.Readings[readings].Seq <= last {
		readings++
	}
	if len(part.Events) != events || len(part.Ops) != ops || len(part.Readings) != readings {
		t.Fatalf("byte %d: %d events, %d ops, %d readings are no prefix of length %d", where, len(part.Events), len(part.Ops), len(part.Readings), last)
	}
	for i := range part.Events {
		if part.Events[i] != whole.Events[i] {
			t.Fatalf("byte %d: event %+v, want %+v", where, part.Events[i], whole.Events[i])
		}
	}
	for i := range part.Ops {
		if !reflect.DeepEqual(part.Ops[i], whole.Ops[i]) && part.Ops[i].Returned != 0 {
			t.Fatalf("byte %d: op %+v, want %+v", where, part.Ops[i], whole.Ops[i])
		}
	}
	for i := range part.Readings {
		if !reflect.DeepEqual(part.Readings[i], whole.Readings[i]) {
			t.Fatalf("byte %d: reading %+v, want %+v", where, part.Readings[i], whole.Readings[i])
		}
	}
}

func TestTruncationYieldsAPrefix(t *testing.T) {
	data := smallSegment(t, 30)
	whole := decode(data)
	if !whole.Complete() || len(whole.Events) != 30 || len(whole.Ops) != 30 || len(whole.Readings) != 3 {
		t.Fatalf("%d events, %+v", len(whole.Events), whole.Segments)
	}
	clean, longest := 0, 0
	for size := range data {
		part := decode(data[:size])
		checkPrefix(t, size, part, whole)
		if part.Segments[0].Damage == "" {
			clean++
		}
		longest = max(longest, len(part.Events))
	}
	if clean < 4 || clean > 10 || longest != 30 {
		t.Fatalf("%d cuts fell on a flush, and the longest prefix has %d events", clean, longest)
	}
}

func TestFlippedBitIsNoticed(t *testing.T) {
	data := smallSegment(t, 30)
	whole := decode(data)
	for at := range data {
		spoilt := bytes.Clone(data)
		spoilt[at] ^= 1 << (at % 8)
		part := decode(spoilt)
		checkPrefix(t, at, part, whole)
		if part.Segments[0].Damage == "" {
			t.Fatalf("byte %d: not noticed", at)
		}
	}
}

func TestDamageInWords(t *testing.T) {
	data := smallSegment(t, 30)
	record := func(fill func(*coder)) []byte {
		chunk := coder{writing: true, indexes: map[string]uint64{}}
		fill(&chunk)
		made := newPreamble("w", noHeader)
		made = appendChunk(made, chunkRecords, 0, chunk.count, chunk.out)
		return appendChunk(made, chunkEnd, 0, 0, []byte{0})
	}
	one := func(kind byte, seq uint64, fields func(*coder)) []byte {
		return record(func(c *coder) { c.begin(kind, seq, 1); fields(c); c.finish() })
	}
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":          {nil, "cut off"},
		"text":             {[]byte("hello, world"), "no segment"},
		"newer format":     {append([]byte("PSTH\x03"), data[5:]...), "format version 3"},
		"another writer":   {newPreamble("other", noHeader), `segment of "other"`},
		"after the end":    {append(bytes.Clone(data), 'x'), "after the end record"},
		"gap":              {one(recordEvent, 2, (&Event{Kind: "a"}).fields), "record 2 where 1 should be"},
		"unknown kind":     {one(99, 1, (&Event{}).fields), "unknown kind of record 99"},
		"answer alone":     {one(recordAnswer, 1, (&Answer{Op: 7}).fields), "operation 7 is answered, and was never invoked"},
		"reading no JSON":  {one(recordReading, 1, func(c *coder) { c.writing = true; body := "{"; c.text(&body) }), "decode a reading"},
		"unknown chunk":    {appendChunk(newPreamble("w", noHeader), 9, 0, 0, nil), "unknown kind of chunk 9"},
		"count too large":  {appendChunk(newPreamble("w", noHeader), chunkRecords, 0, 1<<31, []byte("abc")), "records cannot be in 3 bytes"},
		"flush, no time":   {appendChunk(newPreamble("w", noHeader), chunkFlush, 0, 0, nil), "without its time"},
		"chunk too large":  {append(newPreamble("w", noHeader), bytes.Repeat([]byte{0xff}, chunkHeader)...), "cannot be"},
		"string too large": {one(recordEvent, 1, func(c *coder) { c.mask = 1; c.out = append(c.out, 1, 0xff, 0x7f) }), "makes no sense"},
		"string not there": {one(recordEvent, 1, func(c *coder) { c.mask = 1; c.out = append(c.out, 9) }), "makes no sense"},
		"left over":        {one(recordEvent, 1, func(c *coder) { c.out = append(c.out, 9) }), "after the last record"},
		"invoked twice": {record(func(c *coder) {
			for seq := range uint64(2) {
				c.begin(recordInvocation, seq+1, 1)
				(&Invocation{Op: 5}).fields(c)
				c.finish()
			}
		}), "operation 5 is invoked twice"},
	} {
		t.Run(name, func(t *testing.T) {
			h := decode(test.data)
			if damage := h.Segments[0].Damage; !strings.Contains(damage, test.want) {
				t.Fatalf("damage %q: want %q", damage, test.want)
			}
			if h.Complete() {
				t.Fatal("taken for complete")
			}
		})
	}
}

func TestOpenWithoutAUsableHeader(t *testing.T) {
	write := func(text string) string {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "history"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "history", "header.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for name, test := range map[string]struct{ dir, want string }{
		"missing": {t.TempDir(), "give the directory that a run has written"},
		"damaged": {write(`{"schema": 1, `), "run the scenario again"},
		"wrong":   {write(`{"schema": 1, "seed": "x"}`), "run the scenario again"},
		"newer":   {write(`{"schema": 3, "seed": "a future type"}`), "schema 3"},
		"none":    {write(`{}`), "schema 0"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(test.dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestWritersAreMergedByTime(t *testing.T) {
	dir := newRun(t, "a", "b", "a-b")
	for index, writer := range []string{"b", "a-b", "a"} {
		recorder := newRecorder(t, dir, writer)
		for n := range 50 {
			recorder.Event(Event{Kind: LoadOffered, At: Time(1 + (n*(index+3))%17), Count: int64(n)})
		}
		closeRecorder(t, recorder)
	}
	h := open(t, dir)
	if len(h.Events) != 150 || !h.Complete() {
		t.Fatalf("%d events, %+v", len(h.Events), h.Segments)
	}
	for i := 1; i < len(h.Events); i++ {
		a, b := h.Events[i-1], h.Events[i]
		if a.At > b.At || (a.At == b.At && (a.Writer > b.Writer || (a.Writer == b.Writer && a.Seq >= b.Seq))) {
			t.Fatalf("%+v before %+v", a, b)
		}
	}
	if again := open(t, dir); !reflect.DeepEqual(h, again) {
		t.Fatal("two readings of one directory differ")
	}
}

// Segments that hold less than their chunks promise, and one that holds more operations than room was made for, are read
// together as each is read alone.
func TestSegmentsDoNotDisturbEachOther(t *testing.T) {
	whole := smallSegment(t, 30)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1 // in the second of three flushes
	dir := newRun(t, "w")
	unanswered := newRecorder(t, dir, "w")
	for n := range 50 {
		unanswered.Invoke(Invocation{Op: unanswered.NextOp(), Kind: OpOrder, Buyer: 1 + n})
	}
	closeRecorder(t, unanswered)
	many, err := os.ReadFile(filepath.Join(dir, "history", "w.seg"))
	if err != nil {
		t.Fatal(err)
	}
	for name, segments := range map[string][][]byte{
		"damaged, whole, cut off": {damaged, whole, whole[:len(whole)/2], whole},
		"nothing, whole":          {nil, whole, whole},
		"many, damaged, whole":    {many, damaged, whole},
		"damaged, many, whole":    {damaged, many, whole},
		"whole, many":             {whole, many},
	} {
		t.Run(name, func(t *testing.T) {
			var want History
			names := make([]string, len(segments))
			for i, data := range segments {
				names[i] = "w"
				alone := readSegments(names[i:i+1], segments[i:i+1])
				want.Events, want.Ops = append(want.Events, alone.Events...), append(want.Ops, alone.Ops...)
				want.Readings = append(want.Readings, alone.Readings...)
				want.Segments = append(want.Segments, alone.Segments...)
				if len(alone.Ops) == 0 && len(data) > 0 {
					t.Fatalf("segment %d has nothing: %+v", i, alone.Segments)
				}
			}
			if got := readSegments(names, segments); !reflect.DeepEqual(*got, want) {
				t.Fatalf("got %d events, %d operations; want %d, %d", len(got.Events), len(got.Ops), len(want.Events), len(want.Ops))
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	whole := smallSegment(f, 2) // a large seed keeps the fuzzer busy with making it smaller
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(newPreamble("w", noHeader))
	f.Fuzz(func(t *testing.T, data []byte) {
		decode(data)
		// What a checksum would stop is let through, so that the decoder behind it is reached too.
		framed := appendChunk(newPreamble("w", noHeader), chunkRecords, 0, 1+len(data)%5, data)
		h := decode(appendChunk(framed, chunkEnd, 0, 0, []byte{0}))
		if segment := h.Segments[0]; len(h.Events)+len(h.Ops)+len(h.Readings) > segment.Records {
			t.Fatalf("more records than were counted: %+v", segment)
		}
	})
}
