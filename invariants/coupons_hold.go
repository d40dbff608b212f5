package invariants

import (
	"fmt"
	"strings"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// couponsApply says that there are coupons to judge, and that the sale says how often each may be used. Of others I2 says that
// nobody knows what they are worth.
func couponsApply(run *Run) bool { return len(run.Header.Coupons) > 0 }

// judgeCoupons is exercised by a coupon that somebody was refused or that is used up. What counts is the orders that have the
// discount once the books are at rest: one that was closed or given back has not, unless the shop counts it for ever.
func judgeCoupons(run *Run) Finding {
	found := Finding{}
	given := map[string]bool{}
	for _, coupon := range run.Header.Coupons {
		given[coupon.Code] = true
		uses := couponUses(run, coupon.Code)
		found.Evaluated += len(uses)
		if coupon.Uses > 0 && int64(len(uses)) > coupon.Uses {
			found.Violations = append(found.Violations, overused(coupon, uses, int64(len(uses))-coupon.Uses,
				"a coupon is used by more orders than it is for", fmt.Sprintf("for %d orders in all", coupon.Uses)))
		}
		found.judgeBuyers(coupon, uses)
		full := coupon.Uses > 0 && int64(len(uses)) >= coupon.Uses || coupon.PerBuyer > 0 && len(uses) > 0
		found.Exercised += one(full) * len(uses)
	}
	for _, story := range run.Stories {
		for _, use := range story.couponsUsed() {
			if given[use.Coupon] || !effective(story.State()) {
				continue
			}
			found.Evaluated++
			found.Exercised++
			wrong := overused(history.Coupon{Code: use.Coupon}, []*Story{story}, 1, "a coupon is used that the sale does not give away", "for nobody")
			wrong.Order, wrong.Net.Minor, wrong.Net.Currency = story.Order, max(0, use.Minor), story.listed().Currency
			wrong.Gross = wrong.Net
			found.Violations = append(found.Violations, wrong)
		}
	}
	return found
}

// judgeBuyers asks whether any buyer used the coupon in too many orders.
func (f *Finding) judgeBuyers(coupon history.Coupon, uses []*Story) {
	if coupon.PerBuyer == 0 {
		return
	}
	byBuyer := map[int][]*Story{}
	var buyers []int
	for _, story := range uses {
		if story.Buyer == 0 {
			f.Unjudged = append(f.Unjudged, fmt.Sprintf("it is not known who used coupon %s in order %s", coupon.Code, story.label()))
			continue
		}
		if byBuyer[story.Buyer] == nil {
			buyers = append(buyers, story.Buyer)
		}
		byBuyer[story.Buyer] = append(byBuyer[story.Buyer], story)
	}
	for _, buyer := range buyers {
		if over := int64(len(byBuyer[buyer])) - coupon.PerBuyer; over > 0 {
			f.Violations = append(f.Violations, overused(coupon, byBuyer[buyer], over,
				"a buyer uses a coupon in more orders than allowed", fmt.Sprintf("for %d of buyer %d", coupon.PerBuyer, buyer)))
		}
	}
}

// couponUses are the orders that have the coupon's discount.
func couponUses(run *Run, code string) []*Story {
	var uses []*Story
	for _, story := range run.Stories {
		for _, use := range story.couponsUsed() {
			state := story.State()
			given := (state == history.OrderRefunding || state == history.OrderRefunded) && story.wasBought()
			counts := effective(state) || state == history.OrderPending || given && !run.Header.System.Legal.RecountRefunded
			if use.Coupon == code && counts {
				uses = append(uses, story)
			}
		}
	}
	return uses
}

func overused(coupon history.Coupon, uses []*Story, over int64, pattern, bound string) Violation {
	value := money.Amount{Minor: over * coupon.Off.Minor, Currency: coupon.Off.Currency}
	violation := Violation{Pattern: pattern, Order: uses[len(uses)-1].Order, Net: value, Gross: value, Bearer: BearerMerchant}
	var orders []string
	for _, story := range uses {
		violation.Evidence = append(violation.Evidence, story.rowEvidence()...)
		violation.Since = max(violation.Since, story.lastMove())
		orders = append(orders, fmt.Sprintf("%s %s", story.label(), story.State()))
	}
	violation.Detail = fmt.Sprintf("coupon %s is %s; used by %s", coupon.Code, bound, strings.Join(orders, ", "))
	return violation
}
