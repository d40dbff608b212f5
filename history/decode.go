package history

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

// chunk is one framed payload, its checksum checked.
type chunk struct {
	kind, partition byte
	count           int
	payload         []byte
	size            int // with its frame
}

var errCutOff = errors.New("cut off")

// nextChunk reads the chunk at the beginning of data. It trusts nothing in data.
func nextChunk(data []byte) (chunk, error) {
	if len(data) < chunkHeader {
		return chunk{}, errCutOff
	}
	length := binary.LittleEndian.Uint32(data)
	if length > chunkLargest {
		return chunk{}, fmt.Errorf("a chunk of %d bytes cannot be", length)
	}
	if int(length) > len(data)-chunkHeader {
		return chunk{}, errCutOff
	}
	size := chunkHeader + int(length)
	if castagnoli(data[0:4], data[8:size]) != binary.LittleEndian.Uint32(data[4:]) {
		return chunk{}, errors.New("checksum does not match")
	}
	return chunk{
		kind: data[12], partition: data[13], count: int(binary.LittleEndian.Uint32(data[8:])),
		payload: data[chunkHeader:size], size: size,
	}, nil
}

// beginning is what a segment's preamble says.
type beginning struct {
	writer string
	bound  bool              // it names its run's header
	header [sha256.Size]byte // digest of that header
	size   int               // of the preamble
}

// preamble reads the beginning of a segment.
func preamble(data []byte) (beginning, error) {
	const fixed = len(magic) + 2
	if len(data) < fixed {
		return beginning{}, errCutOff
	}
	if string(data[:len(magic)]) != magic {
		return beginning{}, errors.New("this is no segment of a history")
	}
	version := data[len(magic)]
	if version != formatVersion && version != formatUnbound {
		return beginning{}, fmt.Errorf("format version %d, and this program reads %d and %d", version, formatUnbound, formatVersion)
	}
	name := fixed + int(data[fixed-1])
	end := name
	if version == formatVersion {
		end += sha256.Size
	}
	if len(data) < end+4 {
		return beginning{}, errCutOff
	}
	if castagnoli(data[:end]) != binary.LittleEndian.Uint32(data[end:]) {
		return beginning{}, errors.New("checksum of the preamble does not match")
	}
	begin := beginning{writer: string(data[fixed:name]), bound: version == formatVersion, size: end + 4}
	copy(begin.header[:], data[name:end])
	return begin, nil
}

// roomFor estimates how many events and operations a segment holds, so that room for them is made once. Few records take
// less than 16 bytes, which bounds what a damaged count can ask for.
func roomFor(data []byte) (events, ops int) {
	begin, err := preamble(data)
	at := begin.size
	for err == nil && len(data)-at >= chunkHeader {
		length := int(binary.LittleEndian.Uint32(data[at:]))
		if length > len(data)-at-chunkHeader {
			break
		}
		count := min(int(binary.LittleEndian.Uint32(data[at+8:])), length/16)
		if data[at+13] == opPartition {
			ops += count
		} else {
			events += count
		}
		at += chunkHeader + length
	}
	return events, (ops + 1) / 2 // an operation is an invocation and its answer
}

// segmentReader reads one segment.
type segmentReader struct {
	segment  Segment
	events   []Event
	ops      []Op
	readings []Reading

	seq      uint64         // of the last record taken
	position map[uint64]int // operation → index in ops
	group    []coder        // record chunks since the last flush
	counts   []int          // records left in each
}

// read takes a segment up to its end or its first damage. The name is that of its file. What is read shares the memory of
// data, which must not change any more.
func (r *segmentReader) read(name string, data []byte) {
	r.segment, r.position = Segment{Writer: name}, make(map[uint64]int, cap(r.ops))
	begin, err := preamble(data)
	if err == nil && begin.writer != name {
		err = fmt.Errorf("it is the segment of %q", begin.writer)
	}
	if err != nil {
		r.segment.Damage = err.Error()
		return
	}
	at, flushed := begin.size, begin.size
	for at < len(data) && !r.segment.Ended {
		next, err := nextChunk(data[at:])
		if err == nil {
			err = r.take(next)
		}
		if err != nil {
			r.segment.Damage = fmt.Sprintf("byte %d: %v; %d bytes after the last flush are lost", at, err, len(data)-flushed)
			return
		}
		at += next.size
		if next.kind != chunkRecords {
			flushed = at
		}
	}
	if at != flushed {
		r.segment.Damage = fmt.Sprintf("byte %d: %v; %d bytes after the last flush are lost", at, errCutOff, at-flushed)
	} else if at < len(data) {
		r.segment.Damage = fmt.Sprintf("byte %d: %d bytes after the end record", at, len(data)-at)
	}
}

func (r *segmentReader) take(next chunk) error {
	switch next.kind {
	case chunkRecords:
		if next.count < 1 || next.count > len(next.payload) {
			return fmt.Errorf("%d records cannot be in %d bytes", next.count, len(next.payload))
		}
		r.open(next)
		return nil
	case chunkFlush, chunkEnd:
		if err := r.merge(); err != nil {
			return err
		}
		when, size := binary.Varint(next.payload)
		if size <= 0 {
			return errors.New("a flush without its time")
		}
		r.segment.Last = max(r.segment.Last, Time(when))
		r.segment.Ended = next.kind == chunkEnd
		return nil
	default:
		return fmt.Errorf("unknown kind of chunk %d", next.kind)
	}
}

// open begins to read a chunk of records, with the table of strings of a chunk that was read before.
func (r *segmentReader) open(next chunk) {
	at := len(r.group)
	r.group = slices.Grow(r.group, 1)[:at+1]
	r.group[at] = coder{in: unsafe.String(unsafe.SliceData(next.payload), len(next.payload)), texts: r.group[at].texts[:0]}
	r.counts = append(r.counts, next.count)
}

// pending is the head of a chunk's next record.
type pending struct {
	kind byte
	seq  uint64
	at   Time
}

// merge takes the records of one flush in the order of their sequence, which must have no gap.
func (r *segmentReader) merge() error {
	heads := make([]pending, len(r.group))
	for i := range r.group {
		heads[i].kind, heads[i].seq, heads[i].at = r.group[i].head()
	}
	for left := len(heads); left > 0; {
		first := -1
		for i := range heads {
			if r.counts[i] > 0 && (first < 0 || heads[i].seq < heads[first].seq) {
				first = i
			}
		}
		in, head := &r.group[first], heads[first]
		if in.broken || head.seq != r.seq+1 {
			return fmt.Errorf("record %d where %d should be", head.seq, r.seq+1)
		}
		if err := r.record(in, head); err != nil {
			return err
		}
		r.counts[first]--
		if r.counts[first] > 0 {
			heads[first].kind, heads[first].seq, heads[first].at = in.head()
			continue
		}
		left--
		if in.next != len(in.in) {
			return errors.New("bytes after the last record of a chunk")
		}
	}
	r.group, r.counts = r.group[:0], r.counts[:0]
	return nil
}

func (r *segmentReader) record(in *coder, head pending) error {
	var err error
	switch head.kind {
	case recordEvent:
		err = r.event(in, head)
	case recordInvocation:
		err = r.invocation(in, head)
	case recordAnswer:
		err = r.answer(in, head)
	case recordReading:
		err = r.reading(in, head)
	default:
		err = fmt.Errorf("unknown kind of record %d", head.kind)
	}
	if err != nil {
		return fmt.Errorf("record %d: %w", head.seq, err)
	}
	r.seq = head.seq
	r.segment.Records++
	r.segment.Last = max(r.segment.Last, head.at)
	return nil
}

var errRecord = errors.New("it makes no sense")

func (r *segmentReader) event(in *coder, head pending) error {
	events := append(r.events, Event{})
	event := &events[len(events)-1]
	event.Writer, event.Seq, event.At = r.segment.Writer, head.seq, head.at
	event.fields(in)
	if in.broken {
		return errRecord
	}
	r.events = events
	return nil
}

func (r *segmentReader) invocation(in *coder, head pending) error {
	op := Op{Writer: r.segment.Writer, Seq: head.seq, Outcome: Unknown}
	op.fields(in)
	op.Called = head.at
	if in.broken {
		return errRecord
	}
	if _, twice := r.position[op.Op]; twice {
		return fmt.Errorf("operation %d is invoked twice", op.Op)
	}
	r.position[op.Op] = len(r.ops)
	r.ops = append(r.ops, op)
	return nil
}

// answer joins an answer with its invocation. What the answer tells of order and payment is newer than what the client
// knew when it asked.
func (r *segmentReader) answer(in *coder, head pending) error {
	var answer Answer
	answer.fields(in)
	if in.broken {
		return errRecord
	}
	index, known := r.position[answer.Op]
	if !known {
		return fmt.Errorf("operation %d is answered, and was never invoked", answer.Op)
	}
	op := &r.ops[index]
	if op.Returned != 0 {
		return fmt.Errorf("operation %d is answered twice", answer.Op)
	}
	op.Returned, op.Outcome, op.Reason = head.at, answer.Outcome, answer.Reason
	op.State, op.Status = answer.State, answer.Status
	if answer.Order != "" {
		op.Order = answer.Order
	}
	if answer.Payment != "" {
		op.Payment = answer.Payment
	}
	return nil
}

func (r *segmentReader) reading(in *coder, head pending) error {
	var body string
	in.text(&body)
	if in.broken {
		return errRecord
	}
	var reading Reading
	if err := json.Unmarshal([]byte(body), &reading); err != nil {
		return fmt.Errorf("decode a reading: %w", err)
	}
	reading.Writer, reading.Seq, reading.End = r.segment.Writer, head.seq, head.at
	r.readings = append(r.readings, reading)
	return nil
}
