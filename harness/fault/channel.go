package fault

import "github.com/paystorm/paystorm/mockchannel"

// channel answers the channel's questions from the plan's faults. Where several hit one message, the first in plan
// order decides each effect; duplicates and extra messages add up.
type channel struct{ *Engine }

// Channel is the engine as the channel sees it.
func (e *Engine) Channel() mockchannel.Faults { return channel{e} }

// storms is false for orders of the warm-up: those that were met before the storm.
func (e *Engine) storms(subject mockchannel.Subject) bool {
	if len(e.sinks) > 0 && subject.Order != "" && subject.Ref.Buyer != 0 {
		if _, met := e.known.Load(subject.Order); !met {
			e.known.Store(subject.Order, subject)
		}
	}
	if e.stage.Load() == beforeStorm {
		if subject.Order != "" {
			e.warm.Store(subject.Order, struct{}{})
		}
		return false
	}
	_, warm := e.warm.Load(subject.Order)
	return !warm
}

func (e *Engine) hits(p Planned, subject mockchannel.Subject, message string, attempt int) bool {
	at, may := e.deciding(p)
	return may && p.Hits(subject, message, attempt, at)
}

func (c channel) Request(request mockchannel.Request) mockchannel.RequestFault {
	var all mockchannel.RequestFault
	if !c.storms(request.Subject) {
		return all
	}
	for _, fault := range c.requests {
		attempt, over := decidedOn(fault.act, request.Attempt)
		if over || !c.hits(fault.Planned, request.Subject, string(request.Operation), attempt) {
			continue
		}
		one := fault.act.Request(fault.Planned, request)
		first(&all.Slow, one.Slow)
		first(&all.Reject, one.Reject)
		first(&all.Lose, one.Lose)
		first(&all.Stale, one.Stale)
		first(&all.NotifyFirst, one.NotifyFirst)
		first(&all.Missign, one.Missign)
		first(&all.Spoil, one.Spoil)
		first(&all.Rotate, one.Rotate)
	}
	return all
}

// decidedOn is the attempt by which it is decided whether a fault strikes a request: its own, or none of them where the
// fault stays with the order for several. over says that there were as many already.
func decidedOn(act any, attempt int) (decided int, over bool) {
	stays, may := act.(persistent)
	if !may || stays.persists() == nil {
		return attempt, false
	}
	most := int(*stays.persists())
	return 0, most > 0 && attempt > most
}

func (c channel) Change(change mockchannel.Change) mockchannel.ChangeFault {
	var all mockchannel.ChangeFault
	if !c.storms(change.Subject) {
		return all
	}
	for _, fault := range c.changes {
		if !c.hits(fault.Planned, change.Subject, string(change.Kind), 0) {
			continue
		}
		one := fault.act.Change(fault.Planned, change)
		first(&all.Process, one.Process)
		first(&all.Capture, one.Capture)
		first(&all.AutoPay, one.AutoPay)
		first(&all.LateSuccess, one.LateSuccess)
		first(&all.RefundFails, one.RefundFails)
		first(&all.GiveBack, one.GiveBack)
		first(&all.Dispute, one.Dispute)
		all.Extras = append(all.Extras, one.Extras...)
	}
	return all
}

func (c channel) Notice(notice mockchannel.Notice) mockchannel.NoticeFault {
	var all mockchannel.NoticeFault
	if !c.storms(notice.Subject) {
		return all
	}
	for _, fault := range c.notices {
		if !c.hits(fault.Planned, notice.Subject, notice.Type, 0) {
			continue
		}
		one := fault.act.Notice(fault.Planned, notice)
		first(&all.Lose, one.Lose)
		first(&all.Delay, one.Delay)
		first(&all.Reorder, one.Reorder)
		first(&all.Probe, one.Probe)
		first(&all.Twin, one.Twin)
		all.Duplicates = append(all.Duplicates, one.Duplicates...)
	}
	return all
}

func (c channel) Attempt(notice mockchannel.Notice, attempt int) mockchannel.AttemptFault {
	var all mockchannel.AttemptFault
	if !c.storms(notice.Subject) {
		return all
	}
	for _, fault := range c.attempts {
		if !c.hits(fault.Planned, notice.Subject, notice.Type, attempt) {
			continue
		}
		one := fault.act.Attempt(fault.Planned, notice, attempt)
		first(&all.Lose, one.Lose)
		first(&all.IgnoreAck, one.IgnoreAck)
		first(&all.Rotate, one.Rotate)
	}
	return all
}

func (c channel) Reached(moment mockchannel.Moment) {
	if c.storms(moment.Subject) {
		c.reached(moment)
	}
}

// first keeps the effect that came first.
func first[T any](kept **T, next *T) {
	if *kept == nil {
		*kept = next
	}
}
