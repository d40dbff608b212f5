package invariants

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/history"
)

// saleResults is how each item on sale stands at the end.
func saleResults(run *Run) []SaleResult {
	refused := map[string]bool{}
	for op := range each(run.Ops) {
		if soldOutAnswer(op) && len(op.More) == 0 { // of several SKUs, any may have been the one
			refused[op.SKU] = true
		}
	}
	results := []SaleResult{}
	for _, item := range run.Header.Sale {
		result := SaleResult{SKU: item.SKU, Stock: item.Stock, SoldOut: refused[item.SKU]}
		if row, read := stockRow(run.Baseline, item.SKU); read {
			result.Stock = row.Available + row.Reserved
		}
		if row, read := stockRow(run.Final, item.SKU); read {
			result.Sold, result.Reserved, result.Available = row.Sold, row.Reserved, row.Available
			if before, known := stockRow(run.Baseline, item.SKU); known {
				result.Sold -= before.Sold
			}
		}
		for i := range run.Readings {
			row, read := stockRow(&run.Readings[i], item.SKU)
			result.SoldOut = result.SoldOut || read && row.Available <= 0 && run.Readings[i].Label != history.ReadingBaseline
		}
		results = append(results, result)
	}
	return results
}

// stockRow finds a SKU's stock in a reading that may not exist, or not hold the table: all rows of it together, where it lies in
// several places.
func stockRow(reading *history.Reading, sku string) (sum history.StockRow, read bool) {
	if reading == nil || !reading.Has(history.TableStock) {
		return history.StockRow{}, false
	}
	sum.SKU = sku
	for _, row := range reading.Books.Stock {
		if row.SKU == sku {
			sum.Available, sum.Reserved = sum.Available+row.Available, sum.Reserved+row.Reserved
			sum.Sold, sum.WrittenOff, read = sum.Sold+row.Sold, sum.WrittenOff+row.WrittenOff, true
		}
	}
	return sum, read
}

// moneyResults adds the channel's ledger up. What is owed needs the shop's orders, and is 0 where they were not read.
func moneyResults(run *Run) []MoneyResult {
	results := []MoneyResult{}
	in := func(code string) *MoneyResult {
		at := slices.IndexFunc(results, func(r MoneyResult) bool { return r.Currency == code })
		if at < 0 {
			at = len(results)
			results = append(results, MoneyResult{Currency: code})
		}
		return &results[at]
	}
	for _, story := range run.Stories {
		for _, payment := range story.Captured() {
			sum := in(cmp.Or(payment.Succeeded.Currency, payment.Currency))
			sum.CapturedMinor += payment.Captured()
			sum.RefundedMinor += payment.Refunded()
		}
		if run.Has(history.TableOrders) {
			if owed := story.owed(); owed > 0 {
				in(story.balance().currency).OwedMinor += owed
			}
		}
	}
	slices.SortFunc(results, func(a, b MoneyResult) int { return cmp.Compare(a.Currency, b.Currency) })
	return results
}

// owed is what the buyer paid, did not get back, and does not have goods for.
func (s *Story) owed() int64 {
	owed := int64(0)
	for _, payment := range s.Payments {
		owed += payment.Captured() - payment.Refunded()
	}
	if effective(s.State()) {
		owed -= s.Due().Minor
	}
	return max(0, owed)
}

// ordersResult counts buyers, orders and where they ended.
func ordersResult(run *Run) OrdersResult {
	result := OrdersResult{States: map[string]int{}}
	buyers := map[int]bool{}
	for _, story := range run.Stories {
		if story.Buyer > 0 {
			buyers[story.Buyer] = true
		}
		if story.Order != "" {
			result.Orders++
		}
		result.Payments += len(story.Captured())
		if story.Row != nil {
			result.States[string(story.Row.State)]++
		}
	}
	result.Buyers = len(buyers)
	return result
}

// timings are of the run as a whole. A phase that never ended counts as 0.
func timings(run *Run) Timings {
	var result Timings
	for op := range each(run.Ops) {
		if !run.warmUp(op) {
			result.StartToFirstOpMS = op.Called.Duration().Milliseconds()
			break
		}
	}
	length := func(phase string) int64 {
		begin, end, began := run.PhaseAt(phase)
		if !began || end < begin {
			return 0
		}
		return end.Sub(begin).Milliseconds()
	}
	result.StormMS, result.SettleMS = length(history.PhaseStorm), length(history.PhaseSettle)
	result.ColdStartMS = between(run, history.SystemBegin, history.SystemReady)
	result.TeardownMS = between(run, history.SystemStop, history.SystemGone)
	return result
}

// between is the time from the first event of one kind to the next of another, or 0 if one of them is missing.
func between(run *Run, begin, end string) int64 {
	var first *history.Event
	for event := range each(run.Events) {
		switch {
		case first == nil && event.Kind == begin:
			first = event
		case first != nil && event.Kind == end:
			return event.At.Sub(first.At).Milliseconds()
		}
	}
	return 0
}

// images are what the system's containers were made of, each once.
func images(run *Run) []string {
	found := append([]string{}, run.Header.System.Images...)
	for event := range each(run.Events) {
		if event.Kind == history.NodeImage {
			found = append(found, event.Detail)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
