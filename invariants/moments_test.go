package invariants

import (
	"container/heap"
	"time"

	"github.com/paystorm/paystorm/history"
)

// moment is something that happens at a time; equal times happen in the order in which they were planned.
type moment struct {
	at   history.Time
	nth  uint64
	what func()
}

type moments []moment

func (m moments) Len() int { return len(m) }
func (m moments) Less(i, j int) bool {
	return m[i].at < m[j].at || m[i].at == m[j].at && m[i].nth < m[j].nth
}
func (m moments) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *moments) Push(x any)   { *m = append(*m, x.(moment)) }
func (m *moments) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// in plans something within so many milliseconds.
func (w *world) in(ms int, what func()) {
	w.numbers++
	at := w.now + history.Time(1+w.rand.IntN(ms*1000))*history.Time(time.Microsecond)
	heap.Push(&w.queue, moment{at, w.numbers, what})
}

func (w *world) drain() {
	for len(w.queue) > 0 {
		next := heap.Pop(&w.queue).(moment)
		w.now = next.at
		next.what()
	}
}
