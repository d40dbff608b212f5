package invariants

import (
	"slices"

	"github.com/paystorm/paystorm/history"
)

// Fold is one clause at work on one run: it is told of each order, once, in the order of the run's stories, and then asked what
// it found. It keeps what it needs of an order, and no order.
type Fold struct {
	Order func(*Story) // nil: the clause is about the run as a whole
	End   func() Finding
}

// Law begins a clause on a run.
type Law func(*Run) Fold

// judging is what a law of orders knows while it goes from one to the next.
type judging struct {
	Finding
	run     *Run
	bound   bound   // where the final reading holds the orders
	skipped reasons // why orders could not be judged
	unclear reasons // and why something in them could not
}

// skip leaves an order unjudged, and counts why.
func (j *judging) skip(why string, story *Story) { j.skipped.add(why, story) }

// fail adds violations.
func (j *judging) fail(violations ...Violation) {
	j.Violations = append(j.Violations, violations...)
}

// look adds a line that is worth a look, and no violation.
func (j *judging) look(line string) { j.Pending = append(j.Pending, line) }

func (j *judging) fold(ask func(*judging, *Story)) Fold {
	return Fold{
		Order: func(story *Story) { ask(j, story) },
		End: func() Finding {
			j.Unjudged = slices.Concat(j.skipped.lines(), j.unclear.lines())
			return j.Finding
		},
	}
}

// eachOrder is a law that asks one question of every order.
func eachOrder(ask func(*judging, *Story)) Law {
	return func(run *Run) Fold {
		j := &judging{run: run, bound: boundOf(run)}
		return j.fold(ask)
	}
}

// eachSettled asks it of the orders as they ended.
func eachSettled(ask func(*judging, *Story)) Law { return settled(eachOrder(ask)) }

// settled is a law that can say nothing where the orders were never read at rest.
func settled(law Law) Law {
	return func(run *Run) Fold {
		if !run.Has(history.TableOrders) {
			return finished(notRead())
		}
		return law(run)
	}
}

// ifRead lets a law be silent where the books were never read at rest, since another clause says so.
func ifRead(law Law) Law {
	return func(run *Run) Fold {
		if run.Final == nil {
			return finished(Finding{})
		}
		return law(run)
	}
}

// ordersUnread says that they never were read at rest.
func ordersUnread(run *Run) []string {
	if run.Final == nil {
		return notRead().Unjudged
	}
	return nil
}

// ofTheRun is a law about the run as a whole.
func ofTheRun(judge func(*Run) Finding) Law {
	return func(run *Run) Fold { return Fold{End: func() Finding { return judge(run) }} }
}

// finished is a fold that is over before it began.
func finished(finding Finding) Fold {
	return Fold{End: func() Finding { return finding }}
}

// then changes what a fold found.
func (f Fold) then(change func(*Finding)) Fold {
	return Fold{Order: f.Order, End: func() Finding {
		finding := f.End()
		change(&finding)
		return finding
	}}
}

// unless adds to what a law could not judge.
func (l Law) unless(unjudged func(*Run) []string) Law {
	return func(run *Run) Fold {
		return l(run).then(func(found *Finding) { found.Unjudged = append(found.Unjudged, unjudged(run)...) })
	}
}

// judge runs a law over the orders of a run that is held in memory.
func (l Law) judge(run *Run) Finding {
	fold := l(run)
	if fold.Order != nil {
		for _, story := range run.Stories {
			fold.Order(story)
		}
	}
	return fold.End()
}
