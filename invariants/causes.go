package invariants

import (
	"cmp"
	"maps"
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// causal ranks the invariants by what comes first in a chain of causes. An order that was taken for paid without its money,
// at another price, beyond a limit, or with its effects or refunds done twice, is also late, unknown, stuck or another thing
// than its buyer was told, and that is told once, as a consequence.
func causal() []string {
	return []string{
		"I8",  // a forgery was believed
		"I2",  // paid without its money, or at another price
		"I12", // beyond a limit
		"I9",  // effects
		"I3",  // refunds
		"I1",  // paid more than once
		"I4",  // stock, which mostly no order explains
		"I5",  // moved back
		"I6",  // late money: an order that had ended
		"I11", // acknowledged, and lost
		"I7",  // whatever else made the shop miss a success
		"I14", // and what its buyer was told
		"I10", // and what the shop's other books say of it
		"I13", // and that it hangs
	}
}

// ranked is an invariant's place among the causes. One that nobody ranked stands before the consequences.
func ranked(id string) int {
	order := causal()
	if at := slices.Index(order, id); at >= 0 {
		return 2 * at
	}
	return 2*slices.Index(order, "I6") - 1
}

// Share is one order's part of a violation of the run.
type Share struct {
	Order      string
	Net, Gross money.Amount
}

// subject is what violations are about: an order, a SKU, or the run in one respect.
type subject struct{ order, sku, run string }

// count is one violation of a subject, by the invariant that found it.
type count struct {
	invariant string
	gates     bool
	Violation
}

// subjects groups violations by what they are about. A violation of the run that is one of orders is part of each of
// theirs: where every one of them has a cause of its own, it is a consequence of those.
func subjects(results []InvariantResult, found []answer) map[subject][]count {
	all := map[subject][]count{}
	add := func(of subject, c count) { all[of] = append(all[of], c) }
	for i, answer := range found {
		for _, violation := range answer.Violations {
			c := count{results[i].ID, results[i].Gates, violation}
			switch {
			case violation.Order != "":
				add(subject{order: violation.Order}, c)
			case violation.SKU != "":
				add(subject{sku: violation.SKU}, c)
			case len(violation.Shares) > 0:
				for _, share := range violation.Shares {
					part := c
					part.Order, part.Net, part.Gross, part.Shares = share.Order, share.Net, share.Gross, nil
					add(subject{order: share.Order}, part)
				}
			default:
				add(subject{run: c.invariant + "\x00" + violation.Pattern + "\x00" + violation.Detail}, c)
			}
		}
	}
	return all
}

// purse is money of one currency that one side bears.
type purse struct {
	currency string
	bearer   Bearer
}

// purseSum is what is in a purse.
type purseSum struct {
	net, gross  int64
	since, last history.Time
	lasts       bool
}

// with takes another sum of the same money in: of two sights the larger one counts.
func (s purseSum) with(other purseSum) purseSum {
	s.net, s.gross = max(s.net, other.net), max(s.gross, other.gross)
	return s.spanning(other)
}

// and adds other money.
func (s purseSum) and(other purseSum) purseSum {
	s.net, s.gross = s.net+other.net, s.gross+other.gross
	return s.spanning(other)
}

func (s purseSum) spanning(other purseSum) purseSum {
	if s.since == 0 || other.since > 0 && other.since < s.since {
		s.since = other.since
	}
	s.last, s.lasts = max(s.last, other.last), s.lasts || other.lasts
	return s
}

// moneyOf is what is at risk of one subject. What one invariant finds of it by one pattern adds up; other patterns and
// invariants see the same money from other sides, so that the largest counts.
func moneyOf(counts []count) map[purse]purseSum {
	type sight struct {
		purse
		invariant, pattern string
	}
	sights := map[sight]purseSum{}
	for _, c := range counts {
		if c.Net.Minor == 0 && c.Gross.Minor == 0 {
			continue
		}
		at := sight{purse{cmp.Or(c.Gross.Currency, c.Net.Currency), c.Bearer}, c.invariant, c.Pattern}
		sights[at] = sights[at].and(purseSum{c.Net.Minor, c.Gross.Minor, c.Since, c.Until, c.Until == 0})
	}
	sums := map[purse]purseSum{}
	for at, sum := range sights {
		sums[at.purse] = sums[at.purse].with(sum)
	}
	return sums
}

// riskTotals is money at risk as a verdict has it, sorted.
func riskTotals(sums map[purse]purseSum) []RiskTotal {
	totals := make([]RiskTotal, 0, len(sums))
	for of, sum := range sums {
		total := RiskTotal{
			AtRisk:  AtRisk{Currency: of.currency, Bearer: of.bearer, NetMinor: sum.net, GrossMinor: sum.gross},
			SinceMS: sum.since.Duration().Milliseconds(),
		}
		if !sum.lasts {
			total.UntilMS = sum.last.Duration().Milliseconds()
		}
		totals = append(totals, total)
	}
	slices.SortFunc(totals, func(a, b RiskTotal) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Bearer, b.Bearer))
	})
	return totals
}

// causesOf groups what is wrong by its first cause, and adds up what is at risk: of every order, SKU or respect of the run
// once. The gravest cause comes first: one that fails the run before one that does not, and then by the money.
func causesOf(results []InvariantResult, found []answer) ([]Cause, []RiskTotal) {
	type key struct{ invariant, pattern string }
	causes, money, total := map[key]*Cause{}, map[key]map[purse]purseSum{}, map[purse]purseSum{}
	all := subjects(results, found)
	for _, of := range slices.SortedFunc(maps.Keys(all), compareSubjects) {
		counts := all[of]
		slices.SortStableFunc(counts, func(a, b count) int {
			return cmp.Or(cmp.Compare(ranked(a.invariant), ranked(b.invariant)), compareViolations(a.Violation, b.Violation))
		})
		first := counts[0]
		at := key{first.invariant, first.Pattern}
		cause := causes[at]
		if cause == nil {
			cause = &Cause{Invariant: first.invariant, Pattern: first.Pattern, Orders: []string{}, Details: []string{}, Also: []string{}}
			causes[at], money[at] = cause, map[purse]purseSum{}
		}
		cause.add(first, of, counts)
		for of, sum := range moneyOf(counts) {
			money[at][of] = money[at][of].and(sum)
			total[of] = total[of].and(sum)
		}
	}
	list := make([]Cause, 0, len(causes))
	for at, cause := range causes {
		cause.AtRisk = riskTotals(money[at])
		slices.SortFunc(cause.Also, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		list = append(list, *cause)
	}
	slices.SortFunc(list, compareCauses)
	return list, riskTotals(total)
}

func (c *Cause) add(first count, of subject, counts []count) {
	c.Count++
	c.Gates = c.Gates || first.gates
	if len(c.Orders) < quotedOrders {
		c.Orders = append(c.Orders, cmp.Or(of.order, of.sku))
	}
	if len(c.Details) < quotedDetails {
		c.Details = append(c.Details, first.Detail)
	}
	for _, other := range counts {
		if other.invariant != c.Invariant && !slices.Contains(c.Also, other.invariant) {
			c.Also = append(c.Also, other.invariant)
		}
	}
}

func compareSubjects(a, b subject) int {
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.sku, b.sku), cmp.Compare(a.run, b.run))
}

func compareCauses(a, b Cause) int {
	worth := func(c Cause) int64 {
		most := int64(0)
		for _, risk := range c.AtRisk {
			most = max(most, risk.NetMinor)
		}
		return most
	}
	if a.Gates != b.Gates {
		if a.Gates {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(worth(b), worth(a)), cmp.Compare(ranked(a.Invariant), ranked(b.Invariant)),
		cmp.Compare(b.Count, a.Count), cmp.Compare(a.Pattern, b.Pattern))
}
