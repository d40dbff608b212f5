package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

const headerFile = "header.json"

// Create writes a run's header to <dir>/history/header.json, whole or not at all. It makes the directory, and sets
// Header.Schema.
func Create(dir string, h Header) error {
	h.Schema = Schema
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the history's header: %w", err)
	}
	dir = filepath.Join(dir, segmentDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the history's directory: %w", err)
	}
	path := filepath.Join(dir, headerFile)
	if err := writeWhole(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write the history's header: %w", err)
	}
	return nil
}

// Open reads a run directory back: the header and every segment, whatever state a crash left them in. A segment that is
// cut off or damaged yields what stands before, one of another run nothing, and one that was changed after the run was closed
// what it holds; all say so in their Segment. A header that is missing, unreadable, newer than this program or not the one
// that the run was recorded under is an error, as is a manifest that makes no sense.
//
// All of the run is held in memory, about 400 bytes for each event.
func Open(runDir string) (*History, error) {
	header, text, err := readHeader(filepath.Join(runDir, segmentDir, headerFile))
	if err != nil {
		return nil, err
	}
	manifest, err := readManifest(runDir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(runDir, segmentDir))
	if err != nil {
		return nil, fmt.Errorf("list the segments of the history: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name, is := strings.CutSuffix(entry.Name(), segmentSuffix); is && entry.Type().IsRegular() {
			names = append(names, name)
		}
	}
	slices.Sort(names) // by writer, where the directory is sorted by file name
	files := make([][]byte, len(names))
	var reading errgroup.Group
	for i, name := range names {
		reading.Go(func() (err error) {
			files[i], err = os.ReadFile(filepath.Join(runDir, segmentDir, name+segmentSuffix))
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, fmt.Errorf("read a segment of the history: %w", err)
	}
	refused, err := header.refuse(text, files)
	if err != nil {
		return nil, fmt.Errorf("%s %w", filepath.Join(runDir, segmentDir, headerFile), err)
	}
	h := readSegments(names, taken(files, refused))
	for i, why := range refused {
		if why != "" {
			h.Segments[i].Damage = why
		}
	}
	h.Header, h.Unprotected = header, header.unprotected(manifest)
	if manifest != nil {
		h.holdTo(manifest, names, files)
	}
	h.sort()
	return h, nil
}

// unprotected says why a change of the run's files would not show, "" if it would.
func (h Header) unprotected(manifest *Manifest) string {
	switch {
	case h.Schema < schemaWithDigests:
		return fmt.Sprintf("it was recorded by an older version of paystorm, whose histories (schema %d) bear no digests", h.Schema)
	case manifest == nil:
		return "the run was never closed, so there is no MANIFEST of its files"
	default:
		return ""
	}
}

// refuse says for each segment why it cannot be of the run that the header, of these bytes, describes; "" if it can. The
// error is that the header itself is not the run's.
func (h Header) refuse(text []byte, files [][]byte) (refused []string, err error) {
	own, refused := sha256.Sum256(text), make([]string, len(files))
	ours, others := 0, ""
	for i, data := range files {
		begin, err := preamble(data)
		switch {
		case err != nil: // reading will say so
		case !begin.bound:
			if h.Schema >= schemaWithDigests {
				refused[i] = "it does not say of which run it is: it is an older run's"
			}
		case begin.header == own:
			ours++
		default:
			others = hex.EncodeToString(begin.header[:])
			refused[i] = fmt.Sprintf("it is of another run: it was recorded under a header with the SHA-256 %s, and this run's has %x", others, own)
		}
	}
	if ours == 0 && others != "" {
		return nil, fmt.Errorf("is not the header that this run was recorded under: its SHA-256 is %x, and the run's segments name %s; "+
			"put the original back, or run the scenario again", own, others)
	}
	return refused, nil
}

// taken are the segments without those that are refused.
func taken(files [][]byte, refused []string) [][]byte {
	files = slices.Clone(files)
	for i, why := range refused {
		if why != "" {
			files[i] = nil
		}
	}
	return files
}

// readSegments reads all segments at once.
func readSegments(names []string, files [][]byte) *History {
	eventRoom, opRoom := make([]int, len(files)), make([]int, len(files))
	for i, data := range files {
		eventRoom[i], opRoom[i] = roomFor(data)
	}
	events, ops := newParts[Event](eventRoom), newParts[Op](opRoom)
	readers := make([]segmentReader, len(files))
	var reading sync.WaitGroup
	for i, data := range files {
		reading.Go(func() {
			reader := &readers[i]
			reader.events, reader.ops = events.part(i), ops.part(i)
			reader.read(names[i], data)
			events.parts[i], ops.parts[i] = reader.events, reader.ops
		})
	}
	reading.Wait()
	h := &History{Events: events.whole(), Ops: ops.whole()}
	for i := range readers {
		h.Segments = append(h.Segments, readers[i].segment)
		h.Readings = append(h.Readings, readers[i].readings...)
	}
	return h
}

// parts is one slice that several fill at once, each a part of its own: their values are large, and to move them all when
// the last is there would touch twice the memory.
type parts[T any] struct {
	room  []int
	all   []T
	parts [][]T
}

func newParts[T any](room []int) parts[T] {
	total := 0
	for _, size := range room {
		total += size
	}
	return parts[T]{room: room, all: make([]T, total), parts: make([][]T, len(room))}
}

// part is the empty i-th part. Whoever fills it puts it back into parts.
func (p *parts[T]) part(i int) []T {
	from := 0
	for _, size := range p.room[:i] {
		from += size
	}
	return p.all[from : from : from+p.room[i]]
}

// whole is all parts in a row, nil if they are empty.
func (p *parts[T]) whole() []T {
	for i, part := range p.parts {
		if len(part) > p.room[i] { // it has grown out of its place
			return slices.Concat(p.parts...)
		}
	}
	whole, from := p.all[:0], 0
	for i, part := range p.parts {
		if len(whole) == from {
			whole = p.all[:from+len(part)]
		} else { // a part before it is smaller than its room
			whole = append(whole, part...)
		}
		from += p.room[i]
	}
	if len(whole) == 0 {
		return nil
	}
	return whole
}

// schemaWithDigests is the first that has them.
const schemaWithDigests = 2

// firstHeader is what schema 1 had. A contract level that no fault ever had could be made to gate.
type firstHeader struct {
	Header
	GateBeyond bool `json:"gate_beyond"`
}

func readHeader(path string) (h Header, text []byte, err error) {
	text, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil, fmt.Errorf("no history here: %w; give the directory that a run has written", err)
	}
	if err != nil {
		return h, nil, fmt.Errorf("read the history's header: %w", err)
	}
	var schema struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		return h, nil, fmt.Errorf("%s is damaged: %w; without it nothing can be judged: run the scenario again", path, err)
	}
	switch {
	case schema.Schema < 1 || schema.Schema > Schema:
		return h, nil, fmt.Errorf("%s has schema %d, and this program reads 1 to %d: use the version of paystorm that wrote it, or a newer one", path, schema.Schema, Schema)
	case schema.Schema < schemaWithDigests:
		var first firstHeader
		err = decodeStrictly(text, &first)
		h = first.Header
	default:
		err = decodeStrictly(text, &h)
	}
	if err != nil {
		return h, nil, fmt.Errorf("%s: %w; what a header says decides a verdict: put back the file that the run wrote, "+
			"use the version of paystorm that wrote it, or run the scenario again", path, err)
	}
	return h, text, nil
}

// sort puts the history in the order that History documents. Reading has put writers in order, and each one's records by
// sequence, so that what is left is to sort by time without disturbing that.
func (h *History) sort() {
	sortByTime(h.Ops, func(op *Op) Time { return op.Called })
	sortByTime(h.Events, func(event *Event) Time { return event.At })
	sortByTime(h.Readings, func(reading *Reading) Time { return reading.End })
}

// sortByTime is a stable sort. The values are large, so keys are sorted in their place, and each value moves once.
func sortByTime[T any](values []T, at func(*T) Time) {
	type key struct {
		at   Time
		from int
	}
	sorted, keys := true, make([]key, len(values))
	for i := range values {
		keys[i] = key{at(&values[i]), i}
		sorted = sorted && (i == 0 || keys[i-1].at <= keys[i].at)
	}
	if sorted {
		return
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.from, b.from)) })
	const moved = -1
	for start := range keys {
		if keys[start].from == moved {
			continue
		}
		held, to := values[start], start
		for keys[to].from != start {
			from := keys[to].from
			values[to], keys[to].from = values[from], moved
			to = from
		}
		values[to], keys[to].from = held, moved
	}
}
