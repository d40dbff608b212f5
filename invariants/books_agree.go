package invariants

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// booksAgree is I10. It is exercised by money that did not come the easy way, by a bill that differs from the ledger, and by a
// report that one does. Rows of the baseline and of the warm-up are not its business. The clauses on bills stand in
// discrepancies.go, that on the shop's payments in payments_agree.go.
func booksAgree() Invariant {
	ledger, payments := history.TableLedger, history.TablePayments
	return Invariant{
		ID:   "I10",
		Name: "the books agree",
		Statement: "The shop's double entry balances, its ledger and its payments equal the channel's, and its reconciliation " +
			"reports what differs from a bill, and nothing else.",
		Clauses: []Clause{
			{Name: "each entry of the shop's ledger adds up to nothing", Needs: []history.Table{ledger}, AfterSettle: true, Judge: ofTheRun(judgeDoubleEntry)},
			{
				Name: "the shop's ledger has what the channel has", Needs: []history.Table{history.TableOrders, ledger}, AfterSettle: true,
				Applies: func(run *Run) bool { return len(run.Header.System.ChannelAccounts) > 0 }, Judge: ofTheRun(judgeLedgerAgrees),
			},
			{Name: "the shop's payments are the channel's", Needs: []history.Table{payments}, AfterSettle: true, Judge: ofTheRun(judgePaymentsAgree)},
			{Name: "each capture stands in the shop's payments", Needs: []history.Table{payments}, AfterSettle: true, Judge: capturesBooked},
			{
				Name: "each settled payment has its order", Needs: []history.Table{payments, history.TableOrders}, AfterSettle: true,
				Judge: ofTheRun(judgePaymentsHaveOrders),
			},
			{
				Name: "what a reconciliation reports was so", Needs: []history.Table{history.TableDiscrepancies}, AfterSettle: true,
				Judge: ofTheRun(judgeReportsTrue),
			},
			{
				Name: "what differs in a bill is reported", Needs: []history.Table{history.TableDiscrepancies}, AfterSettle: true,
				Applies: anyBillServed, Judge: ofTheRun(judgeBillsReported),
			},
		},
	}
}

// entrySum is what one entry adds up to in one currency.
type entrySum struct {
	order, currency string
	minor           int64
	sides           int
}

func judgeDoubleEntry(run *Run) Finding {
	old := map[history.LedgerRow]int{} // rows, and not entries: an entry of before may have got another row
	if run.Baseline != nil {
		for _, row := range run.Baseline.Books.Ledger {
			old[row]++
		}
	}
	sums := map[[2]string]*entrySum{}
	for _, row := range run.Final.Books.Ledger {
		if old[row] > 0 {
			old[row]--
			continue
		}
		key := [2]string{row.Entry, row.Currency}
		if sums[key] == nil {
			sums[key] = &entrySum{currency: row.Currency}
		}
		sums[key].order = cmp.Or(sums[key].order, row.Order)
		sums[key].minor += row.Minor
		sums[key].sides++
	}
	found := Finding{Evaluated: len(sums)}
	for _, key := range slices.SortedFunc(maps.Keys(sums), compareKeys) {
		sum := sums[key]
		found.Exercised += one(sum.minor != 0 || run.index.byOrder[run.index.orderNumber(sum.order, "")].movedHard())
		if sum.minor == 0 {
			continue
		}
		off := money.Amount{Minor: max(sum.minor, -sum.minor), Currency: sum.currency}
		found.Violations = append(found.Violations, Violation{
			Pattern: "an entry of the shop's ledger does not add up", Order: sum.order, Net: off, Gross: off, Bearer: BearerMerchant,
			Evidence: []Evidence{rowOf(run, history.TableLedger, key[0])}, Since: run.Final.Begin,
			Detail: fmt.Sprintf("entry %s: its %s add up to %s", key[0], countOf(sum.sides, "row"), signed(sum.minor, sum.currency)),
		})
	}
	return found
}

func compareKeys(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }

// rowOf is a row of the final reading.
func rowOf(run *Run, table history.Table, key string) Evidence {
	return readingEvidence(run.Final) + Evidence("/"+string(table)+"/"+key)
}

// signed is an amount that may be negative.
func signed(minor int64, currency string) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return sign + money.Amount{Minor: minor, Currency: currency}.String()
}

// accountSum is what the shop's accounts of the channel hold of one order in one currency.
type accountSum struct {
	minor    int64
	evidence []Evidence
}

func judgeLedgerAgrees(run *Run) Finding {
	bound := boundOf(run)
	sums, loose := channelAccounts(run)
	found, skipped := Finding{}, reasons{}
	for _, currency := range sortedKeys(loose) {
		found.Pending = append(found.Pending, fmt.Sprintf("%s of the channel's accounts name no order, and are not compared: %s in all",
			countOf(len(loose[currency].evidence), "row"), signed(loose[currency].minor, currency)))
	}
	stories := map[string]*Story{}
	for _, story := range run.Stories {
		stories[story.Order] = story
		for currency := range story.currencies() {
			if key := [2]string{story.Order, currency}; sums[key] == nil && story.Order != "" {
				sums[key] = &accountSum{}
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(sums), compareKeys) {
		order, currency, story := key[0], key[1], stories[key[0]]
		if story == nil {
			story = &Story{Order: order}
		}
		found.Evaluated++
		if sums[key].minor == 0 && story.firstCapture() == nil {
			continue
		}
		holds, pending := story.holds(currency)
		agrees := slices.Contains(pending, holds-sums[key].minor)
		found.Exercised += one(!agrees || story.movedHard())
		if agrees {
			if len(pending) > 1 {
				found.Pending = append(found.Pending, order+": a refund is pending at the channel, and may stand in the ledger or not")
			}
			continue
		}
		if excuse := bound.unsettledRefund(story); excuse != "" {
			skipped.add(excuse, story)
			continue
		}
		found.Violations = append(found.Violations, story.booked(run, *sums[key], holds, currency))
	}
	found.Unjudged = skipped.lines()
	return found
}

// movedHard says that the order's money did not come the easy way: more than once, not as it was asked for, by a success that could
// not be relied on, or not to stay. nil, an order that nobody knows, has no money.
func (s *Story) movedHard() bool {
	if s == nil {
		return false
	}
	captured := s.Captured()
	return len(captured) > 1 || hasRefund(s) || len(s.mismatched()) > 0 || slices.ContainsFunc(captured, s.cameHard)
}

// channelAccounts adds up the channel's accounts by order and currency. loose has the rows that name no order, by currency.
func channelAccounts(run *Run) (sums map[[2]string]*accountSum, loose map[string]*accountSum) {
	old := map[history.LedgerRow]bool{}
	if run.Baseline != nil {
		for _, row := range run.Baseline.Books.Ledger {
			old[row] = true
		}
	}
	sums, loose = map[[2]string]*accountSum{}, map[string]*accountSum{}
	for _, row := range run.Final.Books.Ledger {
		if old[row] || !slices.Contains(run.Header.System.ChannelAccounts, row.Account) {
			continue
		}
		if row.Order == "" {
			if loose[row.Currency] == nil {
				loose[row.Currency] = &accountSum{}
			}
			loose[row.Currency].take(run, row)
			continue
		}
		order := run.index.orderNumber(row.Order, "")
		if run.index.foreign[order] {
			continue
		}
		key := [2]string{order, cmp.Or(row.Currency, run.currencyOf(order))}
		if sums[key] == nil {
			sums[key] = &accountSum{}
		}
		sums[key].take(run, row)
	}
	return sums, loose
}

func (a *accountSum) take(run *Run, row history.LedgerRow) {
	a.minor += row.Minor
	a.evidence = append(a.evidence, rowOf(run, history.TableLedger, row.Entry))
}

// currencyOf is the currency of an order, for rows that name none.
func (r *Run) currencyOf(order string) string {
	if story := r.index.byOrder[order]; story != nil {
		if len(story.Payments) > 0 {
			return story.Payments[0].Currency
		}
		return story.Due().Currency
	}
	return ""
}

// currencies are those in which money of the order moved at the channel.
func (s *Story) currencies() map[string]bool {
	all := map[string]bool{}
	for _, payment := range s.Payments {
		if payment.Succeeded != nil {
			all[payment.Currency] = true
		}
	}
	return all
}

// holds is what the channel has of the order in a currency, and by how much a ledger may be below that, since refunds that
// are pending may stand in it already.
func (s *Story) holds(currency string) (minor int64, below []int64) {
	below = []int64{0}
	for _, payment := range s.Payments {
		if payment.Currency != currency {
			continue
		}
		minor += payment.Captured() - payment.Refunded()
		for _, refund := range payment.Refunds {
			if refund.state() != history.RefundPending || len(below) > 1<<8 {
				continue
			}
			for _, less := range slices.Clone(below) {
				below = append(below, less+refund.Minor)
			}
		}
	}
	return minor, below
}

// booked is the violation of a ledger that has something else than the channel.
func (s *Story) booked(run *Run, sum accountSum, holds int64, currency string) Violation {
	off := money.Amount{Minor: max(holds-sum.minor, sum.minor-holds), Currency: currency}
	violation := Violation{
		Order: s.Order, Net: off, Gross: off, Bearer: BearerMerchant, Since: max(s.lastMove(), s.refundedSince()),
		Evidence: append(sum.evidence, s.moneyEvidence()...),
		Detail:   fmt.Sprintf("the ledger has %s, the channel %s", signed(sum.minor, currency), signed(holds, currency)),
	}
	switch {
	case s.firstCapture() == nil:
		violation.Pattern = "booked in the shop's ledger, never captured at the channel"
	case len(sum.evidence) == 0:
		violation.Pattern = "captured at the channel, not in the shop's ledger"
		violation.Evidence = append(violation.Evidence, s.rowEvidence()...)
	case sum.minor > holds:
		violation.Pattern = "the shop's ledger has more than the channel"
	default:
		violation.Pattern = "the shop's ledger has less than the channel"
	}
	if violation.Since == 0 {
		violation.Since = run.Final.Begin
	}
	return violation
}

// differentCurrency says whether a row names another currency than the channel's. One that names none does not.
func differentCurrency(row, channel string) bool {
	return row != "" && channel != "" && !strings.EqualFold(row, channel)
}
