package reports

import (
	"github.com/paystorm/paystorm/invariants"
)

// risk is money at risk, in words.
type risk struct {
	Net, Gross string
	Bearer     string // "the buyers", "the merchant", or "" where nobody loses by it
	When       string // "from 2.100s until 3.400s"
	Stands     bool   // something is still missing
}

// risksOf lists what one violated invariant puts at risk.
func risksOf(result invariants.InvariantResult) []risk {
	var all []risk
	for _, money := range result.AtRisk {
		all = append(all, risk{
			Net:   amount(money.NetMinor, money.Currency),
			Gross: amount(money.GrossMinor, money.Currency), Bearer: bearer(money.Bearer),
			When: period(result.SinceMS, result.UntilMS), Stands: money.NetMinor > 0,
		})
	}
	return all
}

// totalRisks lists what a cause, or the whole run, puts at risk.
func totalRisks(totals []invariants.RiskTotal) []risk {
	var all []risk
	for _, money := range totals {
		all = append(all, risk{
			Net: amount(money.NetMinor, money.Currency), Gross: amount(money.GrossMinor, money.Currency), Bearer: bearer(money.Bearer),
			When: period(money.SinceMS, money.UntilMS), Stands: money.NetMinor > 0,
		})
	}
	return all
}

// words is a risk as one line.
func (r risk) words() string {
	text := r.Net + " at risk"
	switch {
	case !r.Stands:
		text = "no money at risk now; " + r.Gross + " was for a time"
	case r.Gross != r.Net:
		text += " (" + r.Gross + " before refunds)"
	}
	if r.Bearer != "" && r.Stands {
		text += ", borne by " + r.Bearer
	}
	return text + ", " + r.When
}

// bearer is who bears a loss.
func bearer(who invariants.Bearer) string {
	switch who {
	case invariants.BearerBuyer:
		return "the buyers"
	case invariants.BearerMerchant:
		return "the merchant"
	default:
		return plain(string(who))
	}
}

// period is since when and until when, in time since the run's start.
func period(sinceMS, untilMS int64) string {
	switch {
	case sinceMS == 0 && untilMS == 0:
		return "and it lasts"
	case untilMS == 0:
		return "from " + atMS(sinceMS) + ", and it lasts"
	case untilMS <= sinceMS:
		return "at " + atMS(sinceMS)
	default:
		return "from " + atMS(sinceMS) + " until " + atMS(untilMS)
	}
}

// loss says how much money is missing, whose it is, and since when. What several invariants see of one order counts once.
func loss(verdict invariants.Verdict) []string {
	var words []string
	for _, total := range verdict.AtRisk {
		if total.NetMinor <= 0 {
			continue
		}
		text := amount(total.NetMinor, total.Currency) + " at risk"
		if who := bearer(total.Bearer); who != "" {
			text += ", borne by " + who
		}
		words = append(words, text+", "+period(total.SinceMS, total.UntilMS))
	}
	return words
}
