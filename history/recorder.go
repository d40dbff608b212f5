package history

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	flushEvery = 50 * time.Millisecond // half of what is promised, so that a slow write still keeps the promise
	flushSize  = 1 << 20               // buffered bytes at which the owner is woken early
	flushLimit = 8 << 20               // buffered bytes at which whoever records waits for the disk
)

// ErrClosed is returned by Err after something was recorded that came too late to be written.
var ErrClosed = errors.New("history: recorded after Close")

// Recorder appends to one writer's segment. Its methods may be called from many goroutines; what one call records has
// its place in the sequence before the call returns, and is in the file at most 100 ms later. A flush is a write and no
// fsync: the crash that a run in the making must survive is that of a process, which leaves the page cache as it was. Close
// syncs once: a run that is over must survive the machine's.
//
// Recording returns no error, because the caller is in the middle of something else. The first error of writing stays
// in Err, and whoever owns the run asks for it: a history with a hole must never be judged a pass.
type Recorder struct {
	writer string
	clock  Clock
	file   *os.File
	ops    atomic.Uint64

	mutex    sync.Mutex // guards the next fields
	seq      uint64
	chunks   [partitions]coder
	buffered int
	closed   bool
	err      error

	writing sync.Mutex // held while a flush is on its way to the file; taken before mutex
	out     []byte

	wake chan struct{} // tells the owner that flushSize is reached
	stop chan struct{}
	done chan struct{} // closed when the owner has ended
	once sync.Once
}

// NewRecorder begins the writer's segment in a run directory that has its header (Create). The name is lower-case letters,
// digits and dashes; a segment of that name must not exist yet.
func NewRecorder(runDir, writer string, clock Clock) (*Recorder, error) {
	if !validWriter(writer) {
		return nil, fmt.Errorf("writer %q: want 1 to 64 lower-case letters, digits and dashes", writer)
	}
	dir := filepath.Join(runDir, segmentDir)
	header, err := os.ReadFile(filepath.Join(dir, headerFile))
	if err != nil {
		return nil, fmt.Errorf("begin the segment of %s under the run's header: %w", writer, err)
	}
	path := filepath.Join(dir, writer+segmentSuffix)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("begin the segment of %s: %w", writer, err)
	}
	if _, err := file.Write(newPreamble(writer, sha256.Sum256(header))); err != nil {
		return nil, errors.Join(fmt.Errorf("begin the segment of %s: %w", writer, err), file.Close())
	}
	recorder := &Recorder{
		writer: writer, clock: clock, file: file,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	for i := range recorder.chunks {
		recorder.chunks[i] = coder{writing: true, indexes: map[string]uint64{}}
	}
	go recorder.own()
	return recorder, nil
}

func validWriter(name string) bool {
	if name == "" || len(name) > 64 {
		return false
	}
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

// own flushes until Close.
func (r *Recorder) own() {
	defer close(r.done)
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case <-r.wake:
		case <-ticker.C:
		}
		_ = r.Flush() // stays in Err
	}
}

// NextOp is a number for a new operation, unique within this writer, from 1.
func (r *Recorder) NextOp() uint64 { return r.ops.Add(1) }

// Event records an event. It fills in Writer and Seq, and At unless it is given; times that it fills in never run
// backwards within the writer. It returns the event's Seq, or 0 after Close.
func (r *Recorder) Event(event Event) uint64 {
	at, ok := r.lock(partitionOf(event.Order, event.Ref))
	if !ok {
		return 0
	}
	if event.At == 0 {
		event.At = r.clock.Now()
	}
	chunk := r.begin(at, recordEvent, event.At)
	event.fields(chunk)
	seq := r.seq
	r.unlock(at)
	return seq
}

// Invoke records that an operation is being made. Called is filled in unless it is given.
func (r *Recorder) Invoke(invocation Invocation) {
	at, ok := r.lock(opPartition)
	if !ok {
		return
	}
	if invocation.Called == 0 {
		invocation.Called = r.clock.Now()
	}
	chunk := r.begin(at, recordInvocation, invocation.Called)
	invocation.fields(chunk)
	r.unlock(at)
}

// Answer records what came of an operation that this writer invoked. Returned is filled in unless it is given.
func (r *Recorder) Answer(answer Answer) {
	at, ok := r.lock(opPartition)
	if !ok {
		return
	}
	if answer.Returned == 0 {
		answer.Returned = r.clock.Now()
	}
	chunk := r.begin(at, recordAnswer, answer.Returned)
	answer.fields(chunk)
	r.unlock(at)
}

// Reading records the shop's books as they were read. It fills in Writer and Seq, and End unless it is given.
func (r *Recorder) Reading(reading Reading) {
	reading.Writer, reading.Seq = "", 0 // they stand in the segment
	text, err := json.Marshal(reading)
	if err != nil {
		_ = r.fail(fmt.Errorf("encode a reading: %w", err)) // stays in Err
		return
	}
	at, ok := r.lock(0)
	if !ok {
		return
	}
	if reading.End == 0 {
		reading.End = r.clock.Now()
	}
	chunk := r.begin(at, recordReading, reading.End)
	body := string(text)
	chunk.text(&body)
	r.unlock(at)
}

// place is where a record is being written.
type place struct {
	partition byte
	before    int // length of the chunk before the record
}

// lock makes room for one record of the partition; ok is false, and the lock not held, after Close.
func (r *Recorder) lock(partition byte) (at place, ok bool) {
	r.mutex.Lock()
	for r.buffered >= flushLimit && r.err == nil && !r.closed {
		r.mutex.Unlock()
		_ = r.Flush() // stays in Err
		r.mutex.Lock()
	}
	if r.closed {
		_ = r.keep(ErrClosed) // stays in Err
		r.mutex.Unlock()
		return place{}, false
	}
	return place{partition: partition, before: len(r.chunks[partition].out)}, true
}

func (r *Recorder) begin(at place, kind byte, when Time) *coder {
	r.seq++
	chunk := &r.chunks[at.partition]
	chunk.begin(kind, r.seq, when)
	return chunk
}

func (r *Recorder) unlock(at place) {
	chunk := &r.chunks[at.partition]
	chunk.finish()
	r.buffered += len(chunk.out) - at.before
	full := r.buffered >= flushSize
	if r.err != nil { // nothing will be written any more
		r.discard()
	}
	r.mutex.Unlock()
	if full {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Flush writes what was recorded so far. It returns the first error of the recorder, this one's or an earlier one's.
func (r *Recorder) Flush() error { return r.flush(chunkFlush) }

func (r *Recorder) flush(kind byte) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mutex.Lock()
	if r.err != nil || (r.closed && kind != chunkEnd) {
		defer r.mutex.Unlock()
		return r.err
	}
	r.out = r.out[:0]
	for i := range r.chunks {
		if chunk := &r.chunks[i]; chunk.count > 0 {
			r.out = appendChunk(r.out, chunkRecords, byte(i), chunk.count, chunk.out)
		}
	}
	r.discard()
	r.out = appendChunk(r.out, kind, 0, 0, binary.AppendVarint(nil, int64(r.clock.Now())))
	r.closed = r.closed || kind == chunkEnd
	r.mutex.Unlock()

	if _, err := r.file.Write(r.out); err != nil {
		return r.fail(fmt.Errorf("write the segment of %s: %w", r.writer, err))
	}
	return nil
}

func (r *Recorder) discard() {
	for i := range r.chunks {
		r.chunks[i].reset()
	}
	r.buffered = 0
}

// Close flushes, writes the end record and closes the file. Closing twice is harmless. What is recorded later is lost
// and shows in Err.
func (r *Recorder) Close() error {
	r.once.Do(func() {
		close(r.stop)
		<-r.done
		_ = r.flush(chunkEnd) // stays in Err
		r.mutex.Lock()
		r.closed = true
		r.mutex.Unlock()
		if err := errors.Join(r.file.Sync(), r.file.Close()); err != nil {
			_ = r.fail(fmt.Errorf("close the segment of %s: %w", r.writer, err)) // returned below, if it is the first
		}
	})
	return r.Err()
}

// Err is the first error of writing, or nil.
func (r *Recorder) Err() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.err
}

func (r *Recorder) fail(err error) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.keep(err)
}

// keep remembers the first error. The mutex is held.
func (r *Recorder) keep(err error) error {
	if r.err == nil {
		r.err = err
	}
	return r.err
}
