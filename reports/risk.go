package reports

import (
	"cmp"
	"slices"

	"github.com/paystorm/paystorm/invariants"
)

// risk is money at risk, in words.
type risk struct {
	Rules      []string // the invariants that see it
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
			Rules: []string{result.ID + " " + result.Name}, Net: amount(money.NetMinor, money.Currency),
			Gross: amount(money.GrossMinor, money.Currency), Bearer: bearer(money.Bearer),
			When: period(result.SinceMS, result.UntilMS), Stands: money.NetMinor > 0,
		})
	}
	return all
}

// risks lists what all put at risk. Where several see equal sums, it is told once, as the first sees it.
func risks(verdict invariants.Verdict) []risk {
	var all []risk
	for _, result := range verdict.Invariants {
		for _, one := range risksOf(result) {
			at := slices.IndexFunc(all, func(r risk) bool { return r.Net == one.Net && r.Gross == one.Gross && r.Bearer == one.Bearer })
			if at < 0 {
				all = append(all, one)
				continue
			}
			all[at].Rules = append(all[at].Rules, one.Rules...)
		}
	}
	return all
}

// words is a risk as one line.
func (r risk) words() string {
	text := r.Net + " at risk"
	switch {
	case !r.Stands:
		text = r.Gross + " moved wrongly, and nothing of it is missing now"
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

// purse is whose money is at risk, in one currency.
type purse struct {
	currency    string
	bearer      invariants.Bearer
	most        int64 // the largest sum that one invariant sees missing
	times       int   // how many invariants see some of it missing
	since, last int64 // milliseconds; last 0: it lasts
}

// purses adds the missing money up, for each currency and bearer. Invariants may see the same money from two sides, so
// that the largest of their sums counts.
func purses(verdict invariants.Verdict) []purse {
	var all []purse
	for _, result := range verdict.Invariants {
		for _, money := range result.AtRisk {
			if money.NetMinor <= 0 {
				continue
			}
			at := slices.IndexFunc(all, func(p purse) bool { return p.currency == money.Currency && p.bearer == money.Bearer })
			if at < 0 {
				at = len(all)
				all = append(all, purse{currency: money.Currency, bearer: money.Bearer, since: result.SinceMS, last: result.UntilMS})
			}
			p := &all[at]
			p.most, p.times = max(p.most, money.NetMinor), p.times+1
			p.since = min(p.since, result.SinceMS)
			if p.last != 0 { // otherwise it lasts already
				p.last = max(p.last, result.UntilMS)
			}
			if result.UntilMS == 0 {
				p.last = 0
			}
		}
	}
	slices.SortFunc(all, func(a, b purse) int {
		return cmp.Or(cmp.Compare(a.currency, b.currency), cmp.Compare(a.bearer, b.bearer))
	})
	return all
}

// loss says how much money is missing, whose it is, and since when. "At least" says that there may be more than one
// invariant sees.
func loss(verdict invariants.Verdict) []string {
	var words []string
	for _, p := range purses(verdict) {
		text := amount(p.most, p.currency) + " at risk"
		if p.times > 1 {
			text = "at least " + text
		}
		if who := bearer(p.bearer); who != "" {
			text += ", borne by " + who
		}
		words = append(words, text+", "+period(p.since, p.last))
	}
	return words
}
