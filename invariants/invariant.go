package invariants

import (
	"slices"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// Invariant is one relation among the three sources of truth. Each lives in a file of its own.
type Invariant struct {
	ID        string // I1 … I14
	Name      string // "one effective payment per order"
	Statement string // one sentence, for people
	Clauses   []Clause
}

// Clause is a part of an invariant that can be judged by itself: what was not read costs the clauses that need it, and no
// others.
type Clause struct {
	Name string // in words, unique in its invariant: "what was captured is what was due"
	// Needs lists the canonical tables without which it cannot be judged.
	Needs []history.Table
	// AfterSettle marks a liveness judgement: unknown when the history is cut off before the books were read.
	AfterSettle bool
	// Applies is false for a run in which there is nothing for the clause to say: no coupon was given, no ledger is declared.
	// nil: it always has.
	Applies func(*Run) bool
	Judge   Law
}

// Finding is what a clause found. Held, with Exercised 0, means nothing: the antecedent never was true.
type Finding struct {
	Evaluated  int // cases looked at
	Exercised  int // cases in which the antecedent was true, so that it could have been violated
	Violations []Violation
	// Pending lists cases that are legal and yet worth a line, such as refunds accepted and still pending.
	Pending []string
	// Unjudged says why cases could not be judged; they make the invariant unknown unless it is violated anyway.
	Unjudged []string
}

// add takes another clause's finding in. Clauses mostly look at the same cases, so that the counts are the largest and no sum.
func (f *Finding) add(other Finding) {
	f.Evaluated = max(f.Evaluated, other.Evaluated)
	f.Exercised = max(f.Exercised, other.Exercised)
	f.Violations = append(f.Violations, other.Violations...)
	f.Pending = append(f.Pending, other.Pending...)
	for _, why := range other.Unjudged { // clauses may lack the same
		if !slices.Contains(f.Unjudged, why) {
			f.Unjudged = append(f.Unjudged, why)
		}
	}
}

// Violation is one case, with its evidence.
type Violation struct {
	Pattern string // what is wrong in words without numbers or ids, so that equal cases group: "paid at the channel, closed in the shop, not refunded"
	Order   string // "" for a violation of a SKU or of the run
	SKU     string
	// Shares are the orders' parts where it is the run that is wrong, by the sum of what stands with its orders.
	Shares []Share
	Units  int64
	// Net is the money that is missing or owed once refunds are taken off, Gross all that moved wrongly. Never negative.
	Net, Gross money.Amount
	Bearer     Bearer
	Evidence   []Evidence
	// Since and Until bound the damage; Until 0 means that it lasts.
	Since, Until history.Time
	Detail       string // this case, with its numbers: "captured 4999.00 CNY at 3.214s; order closed; no refund"
}

// Bearer says who bears a loss.
type Bearer string

// Who may bear a loss.
const (
	BearerBuyer    Bearer = "buyer"
	BearerMerchant Bearer = "merchant"
	BearerNone     Bearer = "" // no money is at risk
)

// Evidence points at one record, "writer:seq", or at a row of a reading, "writer:seq/orders/<order>".
type Evidence string
