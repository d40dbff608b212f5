package reports

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/invariants"
)

// sentence says the verdict to somebody who has never heard of an invariant.
func sentence(verdict invariants.Verdict, recorded *history.History) string {
	switch verdict.Verdict {
	case invariants.Pass:
		return passSentence(verdict)
	case invariants.Fail:
		return failSentence(verdict, recorded)
	default:
		if slices.ContainsFunc(verdict.Invariants, violated) {
			return "This run proves nothing either way: what is wrong in it does not count against the shop."
		}
		return "This run proves nothing: nothing wrong was found, and too little was tried or seen to trust that."
	}
}

func passSentence(verdict invariants.Verdict) string {
	if slices.ContainsFunc(verdict.Invariants, violated) {
		return "Nothing new is wrong. What is known, or no provider may cause, is listed below."
	}
	if verdict.Judged.Judged < verdict.Judged.Total {
		return fmt.Sprintf("Nothing wrong was found in the %d of %d rules that could be judged.", verdict.Judged.Judged, verdict.Judged.Total)
	}
	return "Nothing was oversold, and every cent is accounted for."
}

func failSentence(verdict invariants.Verdict, recorded *history.History) string {
	var wrong []string
	failing := slices.DeleteFunc(slices.Clone(verdict.Invariants), func(r invariants.InvariantResult) bool { return !r.Gates })
	for _, sale := range verdict.Sale {
		switch over := sale.Sold - sale.Stock; {
		case over > 0:
			wrong = append(wrong, fmt.Sprintf("%s of %s sold that did not exist", count(over, "unit"), plain(sale.SKU)))
		case quotes(failing, sale.SKU):
			wrong = append(wrong, fmt.Sprintf("the stock of %s does not add up", plain(sale.SKU)))
		}
	}
	orders, more := violatedOrders(failing, recorded)
	switch {
	case more:
		wrong = append(wrong, fmt.Sprintf("the books do not add up for more than %s", count(orders, "order")))
	case orders > 0:
		wrong = append(wrong, fmt.Sprintf("the books do not add up for %s", count(orders, "order")))
	case len(failing) == 0:
		return "Every cent is accounted for, but the service was worse than was promised."
	case len(wrong) == 0:
		wrong = append(wrong, "the books do not add up")
	}
	return capital(strings.Join(wrong, ", and ")) + "."
}

// capital makes text begin as a sentence does.
func capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// quotes says whether one of the results quotes the SKU.
func quotes(results []invariants.InvariantResult, sku string) bool {
	return slices.ContainsFunc(results, func(result invariants.InvariantResult) bool {
		return slices.ContainsFunc(result.Patterns, func(p invariants.Pattern) bool { return slices.Contains(p.Orders, sku) })
	})
}

func violated(result invariants.InvariantResult) bool { return result.Status == invariants.Violated }

// violatedOrders counts the orders that results quote, each once. more says that not all are quoted.
func violatedOrders(results []invariants.InvariantResult, recorded *history.History) (orders int, more bool) {
	seen := map[string]bool{}
	for _, result := range results {
		for _, pattern := range result.Patterns {
			for _, order := range ordersOf(pattern.Orders, recorded) {
				seen[order] = true
			}
			more = more || pattern.Count > len(pattern.Orders)
		}
	}
	return len(seen), more
}

// ordersOf is the orders among what is quoted, which may be a SKU instead, or nothing where it is the run that is wrong.
func ordersOf(all []string, recorded *history.History) []string {
	var orders []string
	for _, quoted := range all {
		if quoted != "" && !onSale(recorded, quoted) {
			orders = append(orders, quoted)
		}
	}
	return orders
}

func onSale(recorded *history.History, sku string) bool {
	return slices.ContainsFunc(recorded.Header.Sale, func(item history.Item) bool { return item.SKU == sku })
}

// subjects says whom something concerns: orders, or a SKU.
func subjects(quoted []string, recorded *history.History, most int) string {
	if orders := ordersOf(quoted, recorded); len(orders) > 0 {
		return "orders " + listed(orders, most)
	}
	var skus []string
	for _, sku := range quoted {
		if sku != "" && !slices.Contains(skus, sku) {
			skus = append(skus, sku)
		}
	}
	if len(skus) == 0 {
		return ""
	}
	return "SKU " + listed(skus, most)
}

// otherReasons are those that the violated invariants do not tell by themselves.
func otherReasons(verdict invariants.Verdict) []string {
	var others []string
	for _, reason := range verdict.Reasons {
		if reason.Kind != invariants.ReasonViolation {
			others = append(others, reason.Text)
		}
	}
	return others
}

// statusWords is an invariant's status, and why a red one does not fail the run.
func statusWords(result invariants.InvariantResult) string {
	switch {
	case result.Status == invariants.Held && result.Exercised == 0:
		return "held, never exercised"
	case result.Status == invariants.Held && len(result.Unjudged) > 0:
		return "held, in part"
	case result.Status == invariants.Violated && !result.Gates:
		return "violated, known"
	default:
		return string(result.Status)
	}
}

// sold is one SKU in words.
func sold(sale invariants.SaleResult) string {
	text := fmt.Sprintf("%d of %s of %s sold", sale.Sold, count(sale.Stock, "unit"), plain(sale.SKU))
	switch {
	case sale.Sold > sale.Stock:
		text += fmt.Sprintf(", %d oversold", sale.Sold-sale.Stock)
	case sale.SoldOut && sale.Available > 0:
		text += ", sold out for a while"
	case sale.SoldOut:
		text += ", sold out"
	}
	if sale.Reserved != 0 {
		text += fmt.Sprintf(", %d reserved", sale.Reserved)
	}
	if sale.Available != 0 {
		text += fmt.Sprintf(", %d available", sale.Available)
	}
	return text
}

// paid is the channel's ledger in one currency, in words.
func paid(money invariants.MoneyResult) string {
	return fmt.Sprintf("%s paid, %s refunded, %s owed to buyers", amount(money.CapturedMinor, money.Currency),
		amount(money.RefundedMinor, money.Currency), amount(money.OwedMinor, money.Currency))
}

// came is who came.
func came(load invariants.LoadResult) string {
	text := fmt.Sprintf("%d came, of %d offered", load.Started, load.Offered)
	if load.Dropped > 0 {
		text += fmt.Sprintf(", %d dropped", load.Dropped)
	}
	if load.Interrupted > 0 {
		text += fmt.Sprintf(", %d cut off", load.Interrupted)
	}
	return text
}

// busy is who kept the processors busy in the storm, "" if nobody took the time.
func busy(cpu invariants.CPUResult) string {
	sum, parts := 0.0, []string{}
	for _, used := range cpu.Used {
		sum += used.Cores
		parts = append(parts, fmt.Sprintf("%s %.2f", used.By, used.Cores))
	}
	switch {
	case len(parts) == 0:
		return ""
	case cpu.Cores == 0:
		return fmt.Sprintf("%.2f processors: %s", sum, strings.Join(parts, ", "))
	default:
		return fmt.Sprintf("%.2f of %s: %s", sum, count(cpu.Cores, "processor"), strings.Join(parts, ", "))
	}
}

// levelName is a service level's name as people say it.
func levelName(level invariants.ServiceResult) string {
	return plain(strings.ReplaceAll(strings.TrimSuffix(level.ID, "_ms"), "_", " "))
}

// levelValue is what was measured of it.
func levelValue(level invariants.ServiceResult) string {
	if level.Status == levelInconclusive {
		return "not measured"
	}
	return inUnit(level.Value, level.Unit)
}

// levelBound is what the scenario asks of it, if it asks anything.
func levelBound(level invariants.ServiceResult) string {
	if level.Bound == nil {
		return ""
	}
	return inUnit(*level.Bound, level.Unit)
}

func inUnit(value float64, unit string) string {
	if unit == "share" {
		return percent(value)
	}
	return strings.TrimSpace(figure(value) + " " + plain(unit))
}

// Statuses of a service level that a report treats apart.
const (
	levelExceeded     = "exceeded"
	levelInconclusive = "inconclusive"
)
