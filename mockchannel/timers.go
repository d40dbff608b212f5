package mockchannel

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/paystorm/paystorm/history"
)

// timers runs tasks at their time, one after the other, in one goroutine and one heap, so that a hundred thousand
// pending ones cost no more than their entries. A task must not block.
type timers struct {
	clock history.Clock
	wake  chan struct{} // the earliest task has changed

	mutex sync.Mutex
	tasks taskHeap
	seq   uint64
}

type task struct {
	at  history.Time
	seq uint64 // tasks of one time run in the order in which they came
	why errand
	do  func()
}

func newTimers(clock history.Clock) *timers {
	return &timers{clock: clock, wake: make(chan struct{}, 1)}
}

func (t *timers) add(at history.Time, why errand, do func()) {
	t.mutex.Lock()
	t.seq++
	heap.Push(&t.tasks, task{at: at, seq: t.seq, why: why, do: do})
	first := t.tasks[0].seq == t.seq
	t.mutex.Unlock()
	if first {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// run serves the heap until the context ends. What is still pending then never runs.
func (t *timers) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		do, wait := t.next()
		if do != nil {
			do()
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-t.wake:
		case <-timer.C:
		}
	}
}

// next takes the first task that is due, or says how long there is none.
func (t *timers) next() (do func(), wait time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if len(t.tasks) == 0 {
		return nil, time.Hour
	}
	if wait = t.tasks[0].at.Sub(t.clock.Now()); wait > 0 {
		return nil, wait
	}
	first, _ := heap.Pop(&t.tasks).(task)
	return first.do, 0
}

// pending is a copy of what is still to come, in no order.
func (t *timers) pending() []task {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return slices.Clone(t.tasks)
}

type taskHeap []task

func (h taskHeap) Len() int      { return len(h) }
func (h taskHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h taskHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}

// Push and Pop are for container/heap only.
func (h *taskHeap) Push(x any) {
	if added, ok := x.(task); ok {
		*h = append(*h, added)
	}
}

// Pop removes the last element.
func (h *taskHeap) Pop() any {
	last := len(*h) - 1
	popped := (*h)[last]
	(*h)[last] = task{}
	*h = (*h)[:last]
	return popped
}

// queue hands deliveries to couriers in the order in which they came. It is unbounded, because whoever adds is inside
// a payment's critical section and must not wait for a slow shop.
type queue struct {
	mutex  sync.Mutex
	filled *sync.Cond
	jobs   []func(context.Context)
	head   int
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.filled = sync.NewCond(&q.mutex)
	return q
}

func (q *queue) add(job func(context.Context)) {
	q.mutex.Lock()
	q.jobs = append(q.jobs, job)
	q.mutex.Unlock()
	q.filled.Signal()
}

// next waits for a job; open is false when the queue was closed.
func (q *queue) next() (job func(context.Context), open bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for q.head == len(q.jobs) && !q.closed {
		q.filled.Wait()
	}
	if q.closed {
		return nil, false
	}
	job = q.jobs[q.head]
	q.jobs[q.head] = nil
	q.head++
	if q.head == len(q.jobs) {
		q.jobs, q.head = q.jobs[:0], 0
	} else if q.head > 1024 && q.head > len(q.jobs)/2 {
		q.jobs = slices.Delete(q.jobs, 0, q.head)
		q.head = 0
	}
	return job, true
}

func (q *queue) close() {
	q.mutex.Lock()
	q.closed = true
	q.mutex.Unlock()
	q.filled.Broadcast()
}
