package invariants

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// histories is how many correct histories each lie is put into; `make fuzz-judge` takes many.
var histories = flag.Int("histories", 6, "how many simulated histories each lie is put into")

// lie changes one thing of a correct shop's history, so that money, goods or the books are wrong, and says where; "" if the history
// has nothing of the kind.
type lie struct {
	name string
	tell func(*liar) string
}

// TestEveryLieIsSeen: of a correct history that passes, one thing is dropped, doubled or altered. Then it must not pass.
func TestEveryLieIsSeen(t *testing.T) {
	for _, told := range lies() {
		t.Run(told.name, func(t *testing.T) {
			t.Parallel()
			lied := 0
			for seed := range uint64(*histories) {
				l := newLiar(seed)
				if Judge(l.History).Verdict != Pass { // too little happened
					continue
				}
				place := told.tell(l)
				if place == "" {
					continue
				}
				lied++
				if verdict := Judge(l.History); verdict.Verdict == Pass {
					t.Errorf("seed %d, %s: %s", seed, place, verdict.Headline)
				}
			}
			if lied == 0 {
				t.Error("there was never anything to lie about")
			}
		})
	}
}

// TestAnHonestHistoryPasses is the other half: without a lie nothing is wrong in the same histories, and in most of them enough
// happens to prove it.
func TestAnHonestHistoryPasses(t *testing.T) {
	passed := 0
	for seed := range uint64(*histories) {
		verdict := Judge(newLiar(seed).History)
		passed += one(verdict.Verdict == Pass)
		if verdict.Verdict == Fail {
			t.Errorf("seed %d: %s %q", seed, verdict.Headline, verdict.Reasons.Texts())
		}
	}
	if 2*passed < *histories {
		t.Errorf("%d of %d passed", passed, *histories)
	}
}

// liar is a correct history to be changed.
type liar struct {
	*history.History
	books *history.Books // the final ones
	rand  *rand.Rand
	kept  map[string]int64 // by order, what the channel has kept
	taken map[string]bool  // orders of which the channel ever captured something
}

func newLiar(seed uint64) *liar {
	l := &liar{
		History: simulation{seed: seed, buyers: 60, stock: 40, restock: seed%2 == 0}.run(), rand: rand.New(rand.NewPCG(seed, 11)),
		kept: map[string]int64{}, taken: map[string]bool{},
	}
	l.books = &l.Readings[len(l.Readings)-1].Books
	for _, invariant := range All() {
		l.Header.Required = append(l.Header.Required, invariant.ID)
	}
	l.Header.Required = slices.DeleteFunc(l.Header.Required, func(id string) bool { return id == "I11" }) // which needs a shop that dies
	for _, event := range l.Events {
		switch {
		case event.Source != history.SourceChannel:
		case event.Kind == history.PaymentSucceeded:
			l.kept[event.Order] += event.Minor
			l.taken[event.Order] = true
		case event.Kind == history.RefundSucceeded:
			l.kept[event.Order] -= event.Minor
		}
	}
	return l
}

// pick is the place of one of those that fit, -1 if none does.
func pick[T any](l *liar, list []T, fits func(T) bool) int {
	var places []int
	for i, one := range list {
		if fits(one) {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return -1
	}
	return places[l.rand.IntN(len(places))]
}

// row changes one row of a table that fits.
func row[T any](name string, table func(*history.Books) *[]T, fits func(*liar, T) bool, change func(*T)) lie {
	return lie{name, func(l *liar) string {
		rows := table(l.books)
		i := pick(l, *rows, func(r T) bool { return fits(l, r) })
		if i < 0 {
			return ""
		}
		place := fmt.Sprintf("%+v", (*rows)[i])
		change(&(*rows)[i])
		return place
	}}
}

// gone drops such a row, and twice doubles it.
func gone[T any](name string, table func(*history.Books) *[]T, fits func(*liar, T) bool) lie {
	return lie{name + " is gone", func(l *liar) string {
		rows := table(l.books)
		i := pick(l, *rows, func(r T) bool { return fits(l, r) })
		if i < 0 {
			return ""
		}
		place := fmt.Sprintf("%+v", (*rows)[i])
		*rows = slices.Delete(*rows, i, i+1)
		return place
	}}
}

func twice[T any](name string, table func(*history.Books) *[]T, fits func(*liar, T) bool) lie {
	return lie{name + " is there twice", func(l *liar) string {
		rows := table(l.books)
		i := pick(l, *rows, func(r T) bool { return fits(l, r) })
		if i < 0 {
			return ""
		}
		*rows = append(*rows, (*rows)[i])
		return fmt.Sprintf("%+v", (*rows)[i])
	}}
}

func lies() []lie {
	return slices.Concat(liesOfOrders(), liesOfStock(), liesOfRefunds(), liesOfPayments(), liesOfOtherBooks(), liesOfTheLedger(), liesOfOtherTimes())
}

func liesOfOrders() []lie {
	orders := func(b *history.Books) *[]history.OrderRow { return &b.Orders }
	paid := func(l *liar, r history.OrderRow) bool { return r.State == history.OrderPaid }
	becomes := func(state history.OrderState) func(*history.OrderRow) {
		return func(r *history.OrderRow) { r.State = state }
	}
	never := func(l *liar, r history.OrderRow) bool { return r.State == history.OrderClosed && !l.taken[r.Order] }
	back := func(l *liar, r history.OrderRow) bool { return r.State == history.OrderRefunded }
	return []lie{
		gone("a paid order", orders, paid),
		row("a paid order is closed", orders, paid, becomes(history.OrderClosed)),
		row("a paid order is pending", orders, paid, becomes(history.OrderPending)),
		row("a paid order is refunding", orders, paid, becomes(history.OrderRefunding)),
		row("a paid order is refunded", orders, paid, becomes(history.OrderRefunded)),
		row("a paid order is in review", orders, paid, becomes(history.OrderReview)),
		row("a paid order is in a state of its own", orders, paid, becomes("completed")),
		row("an order that nobody paid is paid", orders, never, becomes(history.OrderPaid)),
		row("an order that nobody paid is shipped", orders, never, becomes(history.OrderShipped)),
		row("an order that nobody paid is refunded", orders, never, becomes(history.OrderRefunded)),
		row("a refunded order is paid", orders, back, becomes(history.OrderPaid)),
		row("a refunded order is shipped", orders, back, becomes(history.OrderShipped)),
		row("a refunded order is pending", orders, back, becomes(history.OrderPending)),
		row("a paid order has another amount", orders, paid, func(r *history.OrderRow) { r.Minor-- }),
		row("a paid order has another currency", orders, paid, func(r *history.OrderRow) { r.Currency = "USD" }),
		row("a paid order is for two", orders, paid, func(r *history.OrderRow) { r.Quantity = 2 }),
	}
}

func liesOfStock() []lie {
	stock := func(b *history.Books) *[]history.StockRow { return &b.Stock }
	any := func(*liar, history.StockRow) bool { return true }
	sold := func(_ *liar, r history.StockRow) bool { return r.Sold > 0 }
	unsell := func(l *liar) string { // more than refunded orders explain, of which a shop may do with the unit what it likes
		moved := int64(1)
		for _, order := range l.books.Orders {
			moved += int64(one(order.State == history.OrderRefunded))
		}
		row := &l.books.Stock[0]
		row.Sold, row.Available = row.Sold-moved, row.Available+moved
		return countOf(int(moved), "unit")
	}
	return []lie{
		row("a unit appears", stock, any, func(r *history.StockRow) { r.Available++ }),
		row("a sold unit vanishes", stock, sold, func(r *history.StockRow) { r.Sold-- }),
		row("a unit is sold to nobody", stock, any, func(r *history.StockRow) { r.Sold++ }),
		row("a unit is reserved for nobody", stock, any, func(r *history.StockRow) { r.Reserved++ }),
		{"sold units are on sale again", unsell},
		row("a sold unit is reserved", stock, sold, func(r *history.StockRow) { r.Sold, r.Reserved = r.Sold-1, r.Reserved+1 }),
		gone("the stock", stock, any),
	}
}

func liesOfRefunds() []lie {
	refunds := func(b *history.Books) *[]history.RefundRow { return &b.Refunds }
	done := func(_ *liar, r history.RefundRow) bool { return r.State == history.RefundDone }
	broken := func(_ *liar, r history.RefundRow) bool { return r.State == history.RefundBroken }
	return []lie{
		gone("a refund", refunds, done),
		twice("a refund", refunds, done),
		row("a refund has another amount", refunds, done, func(r *history.RefundRow) { r.Minor++ }),
		row("a refund has another currency", refunds, done, func(r *history.RefundRow) { r.Currency = "USD" }),
		row("a refund has another number", refunds, done, func(r *history.RefundRow) { r.MerchantRefund += "x" }),
		row("a refund that was made is pending", refunds, done, func(r *history.RefundRow) { r.State = history.RefundPending }),
		row("a refund that was made has failed", refunds, done, func(r *history.RefundRow) { r.State = history.RefundBroken }),
		row("a refund that failed is done", refunds, broken, func(r *history.RefundRow) { r.State = history.RefundDone }),
		row("a refund that failed is pending", refunds, broken, func(r *history.RefundRow) { r.State = history.RefundPending }),
		{"a refund is of another order's payment", func(l *liar) string {
			i := pick(l, l.books.Refunds, func(r history.RefundRow) bool { return done(l, r) })
			if i < 0 {
				return ""
			}
			j := pick(l, l.books.Payments, func(r history.PaymentRow) bool { return r.Payment != "" && r.Order != l.books.Refunds[i].Order })
			if j < 0 {
				return ""
			}
			l.books.Refunds[i].Payment = l.books.Payments[j].Payment
			return fmt.Sprintf("%+v", l.books.Refunds[i])
		}},
	}
}

func liesOfPayments() []lie {
	payments := func(b *history.Books) *[]history.PaymentRow { return &b.Payments }
	of := func(state string) func(*liar, history.PaymentRow) bool {
		return func(l *liar, r history.PaymentRow) bool { return r.State == state && l.kept[r.Order] == price }
	}
	kept := of(history.PaymentCaptured)
	dead := func(_ *liar, r history.PaymentRow) bool { return r.State == history.PaymentDead }
	only := func(l *liar, r history.PaymentRow) bool { // of its order
		count := 0
		for _, other := range l.books.Payments {
			count += one(other.Order == r.Order)
		}
		return kept(l, r) && count == 1
	}
	return []lie{
		gone("a payment", payments, only),
		twice("a payment", payments, kept),
		row("a payment has another amount", payments, kept, func(r *history.PaymentRow) { r.Minor++ }),
		row("a payment has another currency", payments, kept, func(r *history.PaymentRow) { r.Currency = "USD" }),
		row("a captured payment is closed", payments, only, func(r *history.PaymentRow) { r.State = history.PaymentDead }),
		row("a captured payment is refunded", payments, only, func(r *history.PaymentRow) { r.State = history.PaymentRefunded }),
		row("a closed payment is captured", payments, dead, func(r *history.PaymentRow) { r.State = history.PaymentCaptured }),
		row("a payment is of an order that nobody knows", payments, only, func(r *history.PaymentRow) { r.Order, r.Payment = "nobody's", "nobody's" }),
		{"two payments have each other's order", func(l *liar) string {
			rows := l.books.Payments
			i := pick(l, rows, func(r history.PaymentRow) bool { return only(l, r) })
			j := pick(l, rows, func(r history.PaymentRow) bool { return only(l, r) && (i < 0 || r.Order != rows[i].Order) })
			if i < 0 || j < 0 {
				return ""
			}
			rows[i].Order, rows[j].Order = rows[j].Order, rows[i].Order
			return fmt.Sprintf("%+v and %+v", rows[i], rows[j])
		}},
	}
}

func liesOfOtherBooks() []lie {
	grants := func(b *history.Books) *[]history.GrantRow { return &b.Grants }
	entries := func(b *history.Books) *[]history.LedgerRow { return &b.Ledger }
	reports := func(b *history.Books) *[]history.DiscrepancyRow { return &b.Discrepancies }
	paid := func(l *liar, r history.GrantRow) bool { return l.kept[r.Order] > 0 }
	anyEntry := func(*liar, history.LedgerRow) bool { return true }
	return []lie{
		gone("a grant", grants, paid),
		twice("a grant", grants, paid),
		row("a grant is of an order that nobody knows", grants, paid, func(r *history.GrantRow) { r.Order = "nobody's" }),
		gone("a row of the ledger", entries, anyEntry),
		twice("a row of the ledger", entries, anyEntry),
		row("a row of the ledger has another amount", entries, anyEntry, func(r *history.LedgerRow) { r.Minor++ }),
		row("a row of the ledger has another currency", entries, anyEntry, func(r *history.LedgerRow) { r.Currency = "USD" }),
		row("a difference of a bill has another amount", reports, func(_ *liar, r history.DiscrepancyRow) bool { return r.Minor > 0 },
			func(r *history.DiscrepancyRow) { r.Minor = 1 }),
		{"both rows of an entry have another amount", func(l *liar) string {
			i := pick(l, l.books.Ledger, func(history.LedgerRow) bool { return true })
			for j := range l.books.Ledger {
				if l.books.Ledger[j].Entry == l.books.Ledger[i].Entry {
					l.books.Ledger[j].Minor *= 2
				}
			}
			return l.books.Ledger[i].Entry
		}},
		{"a difference of a bill is reported that there was not", func(l *liar) string {
			l.books.Discrepancies = append(l.books.Discrepancies, history.DiscrepancyRow{Kind: history.DiscrepancyExtra, Payment: "nobody's", Minor: price})
			return "nobody's"
		}},
	}
}

// liesOfTheLedger are what the channel did, and the shop's books know nothing of.
func liesOfTheLedger() []lie {
	event := func(name, kind string, fits func(*liar, history.Event) bool, change func(*history.Event)) lie {
		return lie{name, func(l *liar) string {
			i := pick(l, l.Events, func(e history.Event) bool { return e.Source == history.SourceChannel && e.Kind == kind && fits(l, e) })
			if i < 0 {
				return ""
			}
			place := fmt.Sprintf("%s of %s", l.Events[i].Kind, l.Events[i].Order)
			change(&l.Events[i])
			return place
		}}
	}
	sold := func(l *liar, e history.Event) bool { return l.kept[e.Order] == price }
	all := func(*liar, history.Event) bool { return true }
	again := func(name string, change func(*history.Event)) lie {
		return lie{name, func(l *liar) string {
			i := pick(l, l.Events, func(e history.Event) bool { return e.Kind == history.PaymentSucceeded && sold(l, e) })
			if i < 0 {
				return ""
			}
			extra := l.Events[i]
			extra.Seq += 1 << 20
			change(&extra)
			l.Events = slices.Insert(l.Events, i+1, extra)
			return "after " + l.Events[i].Payment
		}}
	}
	return []lie{
		event("half is captured", history.PaymentSucceeded, sold, func(e *history.Event) { e.Minor /= 2 }),
		event("one is captured too much", history.PaymentSucceeded, sold, func(e *history.Event) { e.Minor++ }),
		event("another currency is captured", history.PaymentSucceeded, sold, func(e *history.Event) { e.Currency = "USD" }),
		event("nothing is captured", history.PaymentSucceeded, sold, func(e *history.Event) { e.Kind = history.PaymentFailed }),
		event("a capture names no order", history.PaymentSucceeded, sold, func(e *history.Event) { e.Order, e.Ref, e.Payment = "", "", "stray" }),
		event("less is given back", history.RefundSucceeded, all, func(e *history.Event) { e.Kind = history.RefundFailed }),
		again("one payment is captured twice", func(*history.Event) {}),
		again("another payment of the order is captured", func(e *history.Event) { e.Payment += "-again" }),
		again("half of a sold order goes back, and nobody asked", func(e *history.Event) {
			e.Kind, e.Refund, e.MerchantRefund, e.Minor = history.RefundSucceeded, "ch-x", "x", e.Minor/2
		}),
		again("all of a sold order goes back, and nobody asked", func(e *history.Event) {
			e.Kind, e.Refund, e.MerchantRefund = history.RefundSucceeded, "ch-x", "x"
		}),
		{"a buyer was told paid whose order was never captured", func(l *liar) string {
			i := pick(l, l.Ops, func(op history.Op) bool {
				return op.Kind == history.OpLook && op.Outcome == history.OK && op.Order != "" && !l.taken[op.Order]
			})
			if i < 0 {
				return ""
			}
			l.Ops[i].State = string(history.OrderPaid)
			return l.Ops[i].Order
		}},
	}
}

// liesOfOtherTimes are what was seen before the end, and who came.
func liesOfOtherTimes() []lie {
	checkpoint := func(l *liar) *history.Books {
		for i := range l.Readings {
			if l.Readings[i].Label == history.ReadingCheckpoint && len(l.Readings[i].Books.Orders) > 5 {
				return &l.Readings[i].Books
			}
		}
		return &history.Books{}
	}
	return []lie{
		{"a checkpoint has an order paid that was never captured", func(l *liar) string {
			rows := checkpoint(l).Orders
			i := pick(l, rows, func(r history.OrderRow) bool { return !l.taken[r.Order] })
			if i < 0 {
				return ""
			}
			rows[i].State = history.OrderPaid
			return rows[i].Order
		}},
		{"a checkpoint has a unit too many", func(l *liar) string {
			rows := checkpoint(l).Stock
			if len(rows) == 0 {
				return ""
			}
			rows[0].Available++
			return rows[0].SKU
		}},
		{"a buyer who was told paid is told closed", func(l *liar) string {
			i := pick(l, l.Ops, func(op history.Op) bool {
				return op.Kind == history.OpLook && op.State == string(history.OrderPaid) && l.kept[op.Order] == price
			})
			if i < 0 {
				return ""
			}
			later := l.Ops[i]
			later.State, later.Seq, later.Op = string(history.OrderClosed), later.Seq+1<<20, later.Op+1<<20
			later.Called, later.Returned = later.Returned+1, later.Returned+2
			l.Ops = slices.Insert(l.Ops, i+1, later)
			return later.Order
		}},
		{"one buyer has two", func(l *liar) string {
			paid := func(r history.OrderRow) bool { return r.State == history.OrderPaid }
			first := pick(l, l.books.Orders, paid)
			if first < 0 {
				return ""
			}
			whose, err := history.ParseRef(l.books.Orders[first].Ref)
			second := pick(l, l.books.Orders, func(r history.OrderRow) bool { return paid(r) && r.Order != l.books.Orders[first].Order })
			if err != nil || second < 0 {
				return ""
			}
			was := l.books.Orders[second].Ref
			l.rename(was, history.Ref{Run: whose.Run, Buyer: whose.Buyer, Nth: 9})
			return was
		}},
	}
}

// rename gives all that is known of one reference to another.
func (l *liar) rename(was string, to history.Ref) {
	for i := range l.Ops {
		if l.Ops[i].Ref == was {
			l.Ops[i].Ref, l.Ops[i].Buyer = to.String(), to.Buyer
		}
	}
	for i := range l.Events {
		if l.Events[i].Ref == was {
			l.Events[i].Ref = to.String()
		}
	}
	for i := range l.Readings {
		for j := range l.Readings[i].Books.Orders {
			if row := &l.Readings[i].Books.Orders[j]; row.Ref == was {
				row.Ref = to.String()
			}
		}
	}
}
