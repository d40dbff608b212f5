package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/paystorm/paystorm/history"
)

const acceptPause = 20 * time.Millisecond // after a failure to accept, which is mostly a lack of file descriptors

// arrival is a connection that nothing has taken yet.
type arrival struct {
	conn    *net.TCPConn
	refused []string // by these faults
}

// refuse counts the connection for a fault that keeps it out. At a balancer it meets several links, and a fault that
// is on all of them still refuses one connection.
func (a *arrival) refuse(by *strike) {
	if !slices.Contains(a.refused, by.toxic.Fault) {
		a.refused = append(a.refused, by.toxic.Fault)
		by.refused.Add(1)
	}
}

// accept admits connections until the listener is closed.
func (l *Links) accept(ctx context.Context, name string, listener net.Listener, admit func(context.Context, *arrival)) {
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.record(history.Event{
				Source: history.SourceLink, Kind: history.HarnessErr, Key: name,
				Detail: fmt.Sprintf("link %s cannot accept: %v", name, err),
			})
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
			}
			continue
		}
		l.group.Go(func() { admit(ctx, &arrival{conn: conn.(*net.TCPConn)}) })
	}
}
