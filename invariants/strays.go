package invariants

import (
	"fmt"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// takeStrays collects the rows of the final reading that name no order, and a refund's no payment that anybody knows
// either. As many as the baseline had of a row were there before the run.
func (x *index) takeStrays() {
	was, is := history.Books{}, x.run.Final.Books
	if x.run.Baseline != nil {
		was = x.run.Baseline.Books
	}
	for _, row := range nameless(is.Refunds, was.Refunds, func(r history.RefundRow) bool { return r.Order == "" && x.orderOf[r.Payment] == "" }) {
		x.run.strays = append(x.run.strays, stray{
			table: history.TableRefunds, amount: money.Amount{Minor: row.Minor, Currency: row.Currency},
			detail: fmt.Sprintf("refund %s of %s, %s", row.MerchantRefund, money.Amount{Minor: row.Minor, Currency: row.Currency}, row.State),
		})
	}
	for range nameless(is.Grants, was.Grants, func(r history.GrantRow) bool { return r.Order == "" }) {
		x.run.strays = append(x.run.strays, stray{table: history.TableGrants})
	}
	for range nameless(is.Coupons, was.Coupons, func(r history.CouponRow) bool { return r.Order == "" }) {
		x.run.strays = append(x.run.strays, stray{table: history.TableCoupons})
	}
}

// nameless are the rows that are so and were not there before.
func nameless[R comparable](rows, before []R, isSo func(R) bool) []R {
	old := map[R]int{}
	for _, row := range before {
		old[row]++
	}
	var found []R
	for _, row := range rows {
		switch {
		case !isSo(row):
		case old[row] > 0:
			old[row]--
		default:
			found = append(found, row)
		}
	}
	return found
}
