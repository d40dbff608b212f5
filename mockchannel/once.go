package mockchannel

import (
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
)

// onceFor is how long a number is remembered at least. Providers refuse a request whose timestamp is five minutes from
// their clock, either way, and so a replay after ten.
const onceFor = 10 * time.Minute

// once remembers numbers that may be used once. It forgets whole generations, so it holds at most two of them.
type once struct {
	mutex       sync.Mutex
	since       history.Time // of the younger generation
	young, aged map[string]struct{}
}

func (o *once) first(number string, now history.Time) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.young == nil || now.Sub(o.since) >= onceFor {
		o.aged, o.young, o.since = o.young, map[string]struct{}{}, now
	}
	if _, used := o.young[number]; used {
		return false
	}
	if _, used := o.aged[number]; used {
		return false
	}
	o.young[number] = struct{}{}
	return true
}
