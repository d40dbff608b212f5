package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2"

	"github.com/paystorm/paystorm/history"
)

// toxiproxy changes a chain of toxics only once the data in it has gone somewhere. With a peer that does not read, a
// paused shop for instance, that is never; so a connection is cut if it holds a change up for longer than this.
const (
	stuckAfter = 500 * time.Millisecond
	stuckCheck = 100 * time.Millisecond
)

// strike is one toxic that was put on a link, until it was taken off and beyond: it keeps its count.
type strike struct {
	toxic   Toxic
	relay   *relay
	name    string // of the toxic in toxiproxy
	tally   atomic.Pointer[tally]
	refused atomic.Int64 // connections cut or refused by "down"

	added chan struct{} // closed when putting it on has ended, well or not
	heal  sync.Once
	off   chan struct{} // closed when it is off
	err   error         // why it is not quite off; read after off
}

// Strike puts a toxic on a link, or on each link of a group. Connections that are open feel it too. If the context ends
// first, the toxic may still come, and Heal takes it off.
func (l *Links) Strike(ctx context.Context, toxic Toxic) error {
	relays, err := l.named(toxic.Link)
	if err != nil {
		return fmt.Errorf("fault %s: %w", toxic.Fault, err)
	}
	if err := toxic.check(); err != nil {
		return fmt.Errorf("fault %s: %w", toxic.Fault, err)
	}
	for _, relay := range relays {
		toxic.Link = relay.name
		if err := l.strike(ctx, toxic, relay); err != nil {
			return err
		}
	}
	return nil
}

func (l *Links) strike(ctx context.Context, toxic Toxic, relay *relay) error {
	s := &strike{
		toxic: toxic, relay: relay, added: make(chan struct{}), off: make(chan struct{}),
		name: strings.Join([]string{toxic.Fault, toxic.Type, string(toxic.Direction)}, " "),
	}
	if err := l.enter(s); err != nil {
		return err
	}
	if toxic.Type == typeDown {
		relay.bringDown(s)
		close(s.added)
		return nil
	}
	failed := make(chan error, 1)
	l.group.Go(func() {
		defer close(s.added)
		failed <- s.put()
	})
	if err := l.await(ctx, s, s.added); err != nil {
		return fmt.Errorf("fault %s: put %s on link %s: %w", toxic.Fault, toxic.Type, toxic.Link, err)
	}
	if err := <-failed; err != nil {
		return fmt.Errorf("fault %s: put %s on link %s: %w", toxic.Fault, toxic.Type, toxic.Link, err)
	}
	return nil
}

// enter keeps a strike under its fault, unless the same one is on the link already.
func (l *Links) enter(s *strike) error {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, other := range l.strikes[s.toxic.Fault] {
		if other.relay == s.relay && other.name == s.name && !other.isOff() {
			return fmt.Errorf("fault %s: %s is on link %s already", s.toxic.Fault, s.toxic.Type, s.toxic.Link)
		}
	}
	l.strikes[s.toxic.Fault] = append(l.strikes[s.toxic.Fault], s)
	return nil
}

func (s *strike) isOff() bool {
	select {
	case <-s.off:
		return true
	default:
		return false
	}
}

// put adds the tally and, behind it, the toxic.
func (s *strike) put() error {
	toxics := s.relay.proxy.Toxics
	front, err := toxics.AddToxicJson(s.json(s.tallyName(), typeTally, nil))
	if err != nil {
		return err
	}
	s.tally.Store(front.Toxic.(*tally))
	if s.toxic.Type == typeReset {
		s.relay.setReset(s.toxic.Direction, 1)
	}
	_, err = toxics.AddToxicJson(s.json(s.name, s.toxic.registered(), s.toxic.Attributes))
	return err
}

func (s *strike) tallyName() string { return s.name + " tally" }

// Heal takes all of a fault's toxics off and checks that they are off and that their links still listen. It is safe to
// repeat, and touches no other fault's toxics. A connection whose peer does not read is cut if it is in the way.
func (l *Links) Heal(ctx context.Context, fault string) error {
	l.mutex.Lock()
	strikes := append([]*strike(nil), l.strikes[fault]...)
	l.mutex.Unlock()
	for _, s := range strikes {
		s.heal.Do(func() {
			unhindered := context.WithoutCancel(ctx) // toxiproxy takes its logger from it, and nothing else
			l.group.Go(func() {
				defer close(s.off)
				s.err = s.take(unhindered)
			})
		})
	}
	var errs []error
	for _, s := range strikes {
		err := l.await(ctx, s, s.off)
		if err == nil {
			err = s.err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("fault %s: take %s off link %s: %w", fault, s.toxic.Type, s.toxic.Link, err))
		}
	}
	return errors.Join(errs...)
}

// take removes what put added, in the reverse order.
func (s *strike) take(ctx context.Context) error {
	<-s.added
	if s.toxic.Type == typeDown {
		s.relay.bringUp(s)
		return nil
	}
	toxics := s.relay.proxy.Toxics
	for _, name := range []string{s.name, s.tallyName()} {
		if err := toxics.RemoveToxic(ctx, name); err != nil && !errors.Is(err, toxiproxy.ErrToxicNotFound) {
			return err
		}
		if toxics.GetToxic(name) != nil {
			return errors.New("it is still there")
		}
	}
	if s.toxic.Type == typeReset && s.tally.Load() != nil {
		s.relay.setReset(s.toxic.Direction, -1)
	}
	return nil
}

// await waits for a change of a link's toxics, and cuts the connections that hold it up.
func (l *Links) await(ctx context.Context, s *strike, change <-chan struct{}) error {
	select {
	case <-change: // done already, whatever the context says
		return nil
	default:
	}
	ticker := time.NewTicker(stuckCheck)
	defer ticker.Stop()
	for {
		select {
		case <-change:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("it is held up by what the link is carrying: %w", ctx.Err())
		case <-ticker.C:
		}
		if count := s.relay.cutStuck(stuckAfter); count > 0 && !s.relay.isClosed() {
			l.record(history.Event{
				Source: history.SourceLink, Kind: history.LinkCut, Fault: s.toxic.Fault, Key: s.relay.name,
				Count: int64(count), Detail: "the peer did not read, and held up a change of the link's toxics",
			})
		}
	}
}

// Affected is what a fault's toxics have touched so far, also after Heal: connections, and the chunks of data that
// reached them. A connection that a "down" cut or refused counts as one, without chunks.
func (l *Links) Affected(fault string) (connections, chunks int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, s := range l.strikes[fault] {
		connections += s.refused.Load()
		if tally := s.tally.Load(); tally != nil {
			connections += tally.connections.Load()
			chunks += tally.chunks.Load()
		}
	}
	return connections, chunks
}
