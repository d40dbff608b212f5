package link

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
	"github.com/rs/zerolog"
	zerologglobal "github.com/rs/zerolog/log"
)

// Our own types of toxic, as toxiproxy knows them.
const (
	typeTally    = "paystorm_tally"
	typeOurReset = "paystorm_reset_peer"
	typeOurTime  = "paystorm_timeout"
	typeOurLimit = "paystorm_limit_data"
	fullyToxic   = 1 // toxiproxy draws toxicity from the global rand, and again with each change: all or nothing is honest
)

// toxiproxy keeps its types of toxic, and one of its toxics keeps its logger, in package variables; so both are set once
// for the process, and from Start rather than at init, because a program that keeps no links has no need of them.
var registerOnce sync.Once

func registerToxics() {
	registerOnce.Do(func() {
		toxics.Register(typeTally, new(tally))
		toxics.Register(typeOurReset, new(resetPeer))
		toxics.Register(typeOurTime, new(timeout))
		toxics.Register(typeOurLimit, new(limitData))
		zerologglobal.Logger = zerolog.Nop() // the bandwidth toxic traces to stderr
	})
}

// registered is the type under which toxiproxy knows the toxic.
func (t Toxic) registered() string {
	switch t.Type {
	case typeReset:
		return typeOurReset
	case typeTimeout:
		return typeOurTime
	case typeLimitData:
		return typeOurLimit
	default:
		return t.Type
	}
}

// json is a toxic in the form that toxiproxy reads.
func (s *strike) json(name, kind string, attributes map[string]any) io.Reader {
	if attributes == nil {
		attributes = map[string]any{}
	}
	text, err := json.Marshal(map[string]any{
		"name": name, "type": kind, "stream": s.toxic.Direction, "toxicity": fullyToxic, "attributes": attributes,
	})
	if err != nil {
		return bytes.NewReader(nil) // check has seen to it that they are numbers; toxiproxy reports the empty body
	}
	return bytes.NewReader(text)
}

// tally passes everything through and counts it.
type tally struct{ connections, chunks atomic.Int64 }

// counted says whether this connection is in the tally already.
type counted struct{ yes bool }

// NewState is called once per connection.
func (*tally) NewState() any { return new(counted) }

// Pipe passes chunks until the connection ends or toxiproxy changes the chain.
func (t *tally) Pipe(stub *toxics.ToxicStub) {
	for {
		select {
		case <-stub.Interrupt:
			return
		case chunk := <-stub.Input:
			if chunk == nil {
				stub.Close()
				return
			}
			t.count(stub)
			stub.Output <- chunk
		}
	}
}

func (t *tally) count(stub *toxics.ToxicStub) {
	t.chunks.Add(1)
	if state := stub.State.(*counted); !state.yes {
		state.yes = true
		t.connections.Add(1)
	}
}

// drain takes what still comes to a toxic that has closed, until its connection ends. Without it, toxiproxy's goroutines
// in front of that toxic wait for ever to hand on a chunk, and never see that the connection has ended.
func drain(stub *toxics.ToxicStub) {
	if !stub.Closed() {
		return
	}
	for range stub.Input { // they go nowhere
	}
}

// timeout is toxiproxy's, drained.
type timeout struct{ toxics.TimeoutToxic }

// Pipe drops everything and closes the connection after the timeout.
func (t *timeout) Pipe(stub *toxics.ToxicStub) {
	t.TimeoutToxic.Pipe(stub)
	drain(stub)
}

// Cleanup closes the connection, of which data is missing. The goroutine ends with the connection, which Links waits for.
func (t *timeout) Cleanup(stub *toxics.ToxicStub) {
	t.TimeoutToxic.Cleanup(stub)
	go drain(stub)
}

// limitData is toxiproxy's, drained.
type limitData struct{ toxics.LimitDataToxic }

// Pipe closes the connection after so many bytes.
func (l *limitData) Pipe(stub *toxics.ToxicStub) {
	l.LimitDataToxic.Pipe(stub)
	drain(stub)
}

// resetPeer resets a connection some time after data came. toxiproxy's own makes only connections reset that were opened
// under it, and others end in order; the reset itself is in end.Close.
type resetPeer struct {
	Timeout int64 `json:"timeout"` // in milliseconds
}

// resetState says when a connection is due, so that a change of the chain meanwhile does not lose it.
type resetState struct{ due time.Time }

// NewState is called once per connection.
func (*resetPeer) NewState() any { return new(resetState) }

// Pipe waits for data, then for the timeout, and closes.
func (r *resetPeer) Pipe(stub *toxics.ToxicStub) {
	state := stub.State.(*resetState)
	if state.due.IsZero() {
		var chunk *stream.StreamChunk
		select {
		case <-stub.Interrupt:
			return
		case chunk = <-stub.Input:
		}
		if chunk == nil {
			stub.Close()
			return
		}
		state.due = time.Now().Add(time.Duration(r.Timeout) * time.Millisecond)
	}
	select {
	case <-stub.Interrupt:
	case <-time.After(time.Until(state.due)):
		stub.Close()
		drain(stub)
	}
}

// Cleanup closes at once what was due later: its data is gone. The goroutine ends with the connection.
func (r *resetPeer) Cleanup(stub *toxics.ToxicStub) {
	if stub.State.(*resetState).due.IsZero() {
		return
	}
	stub.Close()
	go drain(stub)
}
