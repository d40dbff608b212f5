package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// waiting is what pending notifications cost, and how late they left.
type waiting struct {
	memory int64
	late   []time.Duration // sorted
}

func (w waiting) percentile(p int) time.Duration {
	return w.late[min(len(w.late)-1, len(w.late)*p/100)].Round(10 * time.Microsecond)
}

// spread delays the n-th notification of the run, so that they are due at the wanted rate from a moment on.
type spread struct {
	mockchannel.Faults
	clock history.Clock

	mutex sync.Mutex
	from  history.Time
	due   map[string]history.Time // by payment
}

func (s *spread) Notice(n mockchannel.Notice) mockchannel.NoticeFault {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	at := s.from.Add(time.Duration(len(s.due)) * time.Second / postsPerSecond)
	s.due[n.Payment] = at
	return mockchannel.NoticeFault{Delay: &mockchannel.Delay{Fault: "spread", By: at.Sub(s.clock.Now())}}
}

// nothing goes wrong beside that.
type nothing struct{}

func (nothing) Request(mockchannel.Request) (fault mockchannel.RequestFault)     { return fault }
func (nothing) Change(mockchannel.Change) (fault mockchannel.ChangeFault)        { return fault }
func (nothing) Notice(mockchannel.Notice) (fault mockchannel.NoticeFault)        { return fault }
func (nothing) Attempt(mockchannel.Notice, int) (fault mockchannel.AttemptFault) { return fault }
func (nothing) Reached(mockchannel.Moment)                                       {}

// before is how long the notifications wait at least: they must all be there before the first is due.
const before = 20 * time.Second

// waitingNotifications lets payments be paid whose notifications wait, weighs them, and times the posts to a real server.
// How late one was is told by the record that the channel makes just before it posts.
func waitingNotifications(ctx context.Context) (waiting, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	dir, err := tempDir()
	if err != nil {
		return waiting{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the figures are what matters
	clock := history.StartClock()
	recorder, err := newRecorder(dir, clock)
	if err != nil {
		return waiting{}, err
	}
	shop, err := startShop(ctx)
	if err != nil {
		return waiting{}, err
	}
	delays := &spread{Faults: nothing{}, clock: clock, due: map[string]history.Time{}}
	var result waiting
	record := func(event history.Event) uint64 {
		seq := recorder.Event(event)
		if event.Kind == history.DeliverySent {
			delays.mutex.Lock()
			result.late = append(result.late, clock.Now().Sub(delays.due[event.Payment]))
			delays.mutex.Unlock()
		}
		return seq
	}
	channel, merchant, err := newChannel(clock, record, delays, []mockchannel.Endpoint{
		{ID: "shop", URL: shop.url, Events: []string{"payment_intent.succeeded"}},
	})
	if err != nil {
		return waiting{}, err
	}
	ctx, end := context.WithCancel(ctx)
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return channel.Run(running) })
	result.memory, err = fill(channel, merchant, delays)
	for err == nil && !channel.Quiet() {
		select {
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	end()
	err = errors.Join(err, group.Wait(), recorder.Close(), shop.stop())
	if len(result.late) != pending && err == nil {
		err = errors.New("not every notification was posted once")
	}
	slices.Sort(result.late)
	return result, err
}

// fill makes the payments first, and weighs what the notifications add to them.
func fill(channel *mockchannel.Channel, merchant mockchannel.Merchant, delays *spread) (int64, error) {
	call := channel.Call(merchant)
	ids := make([]string, 0, pending)
	for range pending {
		p, err := call.CreatePayment(mockchannel.PaymentRequest{Minor: 2000, Currency: "USD"})
		if err != nil {
			return 0, err
		}
		ids = append(ids, p.ID)
	}
	empty := heap()
	delays.from = delays.clock.Now().Add(before)
	for _, id := range ids {
		if _, err := channel.Pay(id, "", 0); err != nil {
			return 0, err
		}
	}
	if delays.clock.Now() > delays.from {
		return 0, errors.New("the machine is too slow: the first notifications were due before the last were there")
	}
	return heap() - empty, nil
}

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

type shop struct {
	url  string
	stop func() error
}

// startShop acknowledges whatever is posted to it.
func startShop(ctx context.Context) (shop, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return shop{}, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), ReadHeaderTimeout: 10 * time.Second}
	var group errgroup.Group
	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return shop{"http://" + listener.Addr().String(), func() error { return errors.Join(server.Close(), group.Wait()) }}, nil
}
