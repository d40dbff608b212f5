package flashshop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// bill is one of the provider's: all that moved in a time, as it says.
type bill struct {
	Name        string    // what the provider calls it: its day, or "" where there is but one
	From, Until time.Time // zero: without bound
	Lines       []billLine
}

// billLine is a capture or a refund by a bill.
type billLine struct {
	Refund  string // the number of a refund: the shop's, or the provider's where it has none
	Payment string // by which shop and provider both know it (payment.ID)
	TradeNo string // the provider's own number
	Order   string // "" where the bill does not say
	Minor   int64  // positive
	State   string // of a refund
	At      time.Time
}

// discrepancy is a difference between a bill and the shop's ledger. Minor is what the bill says, or what it should.
type discrepancy struct {
	Kind, Order, Payment, Refund, Bill string
	Minor                              int64
}

// How a bill may differ.
const (
	billMissing = "missing"
	billExtra   = "extra"
	billAmount  = "amount"
	billUnit    = "unit" // every amount is a hundred times what it was, or a hundredth
	billDay     = "day"
	billState   = "state"
)

const (
	anotherDay = 12 * time.Hour   // a row that is so far from its booking stands on another day
	aroundDay  = 10 * time.Minute // what was booked so soon after midnight may be in the bill of the day before
)

// settleDay compares the provider's bills with the ledger. What only the bill knows is believed when the provider says the
// same of it; all else that differs is written down for a person, and nothing is booked for it.
func (s *shop) settleDay(ctx context.Context) (found []discrepancy, err error) {
	list, err, _ := s.flights.Do("settle day", func() (any, error) {
		now := s.store.now() // before the bills are asked for: what is booked by now must be in them
		bills, failed := s.provider.bills(ctx, now)
		if failed != nil {
			failed = fmt.Errorf("fetch bills: %w", failed)
		}
		var booked map[string]booking
		err := s.patiently(ctx, func() (err error) { booked, err = bookings(ctx, s.store); return err })
		if err != nil {
			return nil, err
		}
		differ := []discrepancy{}
		for i, b := range bills {
			if s.defects.has("D31") {
				err = s.believe(ctx, b, booked)
			} else {
				var more []discrepancy
				more, err = s.compare(ctx, b, bills[:i], booked, now)
				differ = append(differ, more...)
			}
			if err != nil {
				return nil, err
			}
		}
		return differ, errors.Join(s.patiently(ctx, func() error { return s.writeDown(ctx, differ) }), failed)
	})
	if err != nil {
		return nil, err
	}
	return list.([]discrepancy), nil
}

// entry is under which the ledger has a line.
func (l billLine) entry() string {
	if l.Refund != "" {
		return "refund " + l.Refund
	}
	return "capture " + l.Payment
}

// compare lists what differs between a bill and the ledger. before are the bills of the days before.
func (s *shop) compare(ctx context.Context, b bill, before []bill, booked map[string]booking, now time.Time) ([]discrepancy, error) {
	var differ []discrepancy
	seen := map[string]bool{}
	otherUnit := inAnotherUnit(b, booked)
	if otherUnit {
		differ = append(differ, discrepancy{Kind: billUnit, Bill: b.Name})
	}
	for _, line := range b.Lines {
		entry := line.entry()
		known, is := booked[entry]
		twice := seen[entry]
		seen[entry] = true
		if !is && !twice {
			var err error
			if known, is, err = s.prove(ctx, line); err != nil {
				return nil, err
			}
		}
		switch {
		case twice, !is && line.Refund == "":
			differ = append(differ, line.differs(billExtra, b, known))
			continue
		case !is:
			differ = append(differ, line.differs(billState, b, known))
			continue
		}
		if minor := max(known.Minor, -known.Minor); minor != line.Minor && !otherUnit {
			differ = append(differ, line.differs(billAmount, b, known))
		}
		if off := line.At.Sub(known.when()); max(off, -off) > anotherDay {
			differ = append(differ, line.differs(billDay, b, known))
		}
	}
	for entry, known := range booked {
		due := known.when().Before(now) && !known.when().Before(b.From) && (b.Until.IsZero() || known.when().Before(b.Until))
		if !due || seen[entry] || known.when().Before(b.From.Add(aroundDay)) && has(before, entry) {
			continue
		}
		number, _ := strings.CutPrefix(entry, "refund ")
		if number == entry {
			number = ""
		}
		differ = append(differ, discrepancy{
			Kind: billMissing, Order: known.Order, Payment: cmp.Or(known.TradeNo, known.Payment), Refund: number, Bill: b.Name,
			Minor: max(known.Minor, -known.Minor),
		})
	}
	return differ, nil
}

// differs is what a line tells otherwise than the ledger.
func (l billLine) differs(kind string, b bill, known booking) discrepancy {
	return discrepancy{
		Kind: kind, Order: cmp.Or(known.Order, l.Order), Payment: cmp.Or(l.TradeNo, l.Payment), Refund: l.Refund, Bill: b.Name,
		Minor: l.Minor,
	}
}

func has(bills []bill, entry string) bool {
	return slices.ContainsFunc(bills, func(b bill) bool {
		return slices.ContainsFunc(b.Lines, func(l billLine) bool { return l.entry() == entry })
	})
}

// inAnotherUnit says that a bill has every amount that can be compared in yuan for fen, or the other way round.
func inAnotherUnit(b bill, booked map[string]booking) bool {
	compared := 0
	for _, line := range b.Lines {
		known, is := booked[line.entry()]
		if minor := max(known.Minor, -known.Minor); is && line.Minor != minor*100 && line.Minor*100 != minor {
			return false
		}
		if is {
			compared++
		}
	}
	return compared > 0
}

// prove asks the provider about a line that the ledger does not have, books what it confirms, and answers with what is true
// then. What is not confirmed is not booked. A refund that has not succeeded by the bill claims nothing.
func (s *shop) prove(ctx context.Context, line billLine) (known booking, proven bool, err error) {
	asIs := booking{Minor: line.Minor, at: s.store.now().UnixMilli()}
	switch {
	case s.defects.has("D29"):
		return known, false, nil
	case line.Refund != "":
		proven, err = s.proveRefund(ctx, line)
		return asIs, proven, err
	}
	facts, err := s.provider.payments(ctx, line.Order, []payment{{ID: line.Payment, TradeNo: line.TradeNo, Order: line.Order}})
	at := slices.IndexFunc(facts, func(p payment) bool { return p.ID == line.Payment && p.State == paymentSucceeded })
	if err != nil || at < 0 {
		return known, false, nil // whatever the reason is, it is not proven //nolint:nilerr
	}
	fact := facts[at]
	order, err := s.orderOf(ctx, line.Payment)
	if err != nil {
		return known, false, err
	}
	order = cmp.Or(order, fact.Order)
	err = s.patiently(ctx, func() error {
		return s.store.write(ctx, theOrder(order), func(ctx context.Context, t tx) error {
			o, ours, err := one(ctx, t, scanOrder, orderByID, order)
			if proven = ours; err != nil || !ours {
				return err
			}
			fact.AmountMinor, fact.Currency = o.Amount, cmp.Or(fact.Currency, o.Currency)
			return s.learn(ctx, t, order, fact)
		})
	})
	asIs.Order, asIs.Minor, asIs.Currency = order, fact.CapturedMinor, fact.Currency
	return asIs, proven && err == nil, err
}

// proveRefund asks how a refund stands that has succeeded by the bill and not by the ledger.
func (s *shop) proveRefund(ctx context.Context, line billLine) (proven bool, err error) {
	if line.State != refundSucceeded {
		return true, nil
	}
	told, err := s.provider.refundState(ctx, line.Refund, payment{ID: line.Payment, TradeNo: line.TradeNo})
	if err != nil || told.State != refundSucceeded {
		return false, nil // whatever the reason is, it is not proven //nolint:nilerr
	}
	c, found, err := one(ctx, s.store, scanClaim, claimByNo, line.Refund)
	if err != nil || !found { // the provider's own, of which its message tells
		return err == nil, err
	}
	return true, s.patiently(ctx, func() error {
		return s.store.write(ctx, theOrder(c.Order), func(ctx context.Context, t tx) error {
			return s.learnRefund(ctx, t, c.Number, told)
		})
	})
}

// patiently does what needs the database, until it can be had: the next bill may say something else than this one.
func (s *shop) patiently(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	for {
		if err := do(); !errors.Is(err, errBusy) || !sleep(ctx, pollEvery) {
			return err
		}
	}
}

// writeDown writes discrepancies down, each once.
func (s *shop) writeDown(ctx context.Context, list []discrepancy) error {
	if len(list) == 0 {
		return nil
	}
	return s.store.write(ctx, nothing, func(ctx context.Context, t tx) error {
		for _, d := range list {
			if _, err := t.exec(ctx, `INSERT INTO discrepancies(kind, order_id, payment, refund, bill, minor)
				VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, d.Kind, d.Order, d.Payment, d.Refund, d.Bill, d.Minor); err != nil {
				return err
			}
		}
		return nil
	})
}

// believe is D31: the ledger is made to say what the bill says, whatever that is (https://github.com/saleor/saleor/issues/14327).
func (s *shop) believe(ctx context.Context, b bill, booked map[string]booking) error {
	return s.store.write(ctx, nothing, func(ctx context.Context, t tx) error {
		for i, line := range b.Lines {
			known, is := booked[line.entry()]
			off := line.Minor - max(known.Minor, -known.Minor)
			if line.Refund != "" || off == 0 {
				continue
			}
			entry := fmt.Sprintf("settle %d %d %s", t.now().UnixNano(), i, line.Payment)
			order := known.Order
			if !is {
				order = cmp.Or(line.Order, line.Payment)
			}
			if err := bookEntry(ctx, t, entry, accountSales, order, line.Payment, off, cmp.Or(known.Currency, yuan)); err != nil {
				return err
			}
		}
		return nil
	})
}

// postSettleDay answers in any case: bills that cannot be had now are for the next time.
func (s *shop) postSettleDay(w http.ResponseWriter, r *http.Request) {
	found, err := s.settleDay(r.Context())
	failed := 0
	if err != nil {
		s.log.Warn("settle day", "error", err)
		failed = 1
	}
	answer(w, http.StatusOK, map[string]int{"discrepancies": len(found), "failed": failed})
}
