package stripe

import (
	"regexp"
	"slices"

	"github.com/paystorm/paystorm/mockchannel"
)

// metadataQuery is the one form of query that is covered: https://docs.stripe.com/search#search-query-language.
var metadataQuery = regexp.MustCompile(`^metadata\[(?:'([^']{1,40})'|"([^"]{1,40})")\]\s*:\s*(?:'([^']*)'|"([^"]*)")$`)

// searchIntents finds intents by one key of their metadata. Stripe's search lags by up to a minute; this one does not.
func searchIntents(r *request) (mockchannel.MerchantRequest, error) {
	query := r.required("query")
	part := metadataQuery.FindStringSubmatch(query)
	if part == nil {
		r.fail(invalid("", "query", "We were unable to parse your search query: only metadata['key']:'value' is searched here."))
	}
	page, err := r.page("query", "page")
	if err != nil {
		return mockchannel.MerchantRequest{}, err
	}
	key, value := part[1]+part[2], part[3]+part[4]
	wanted := mockchannel.MerchantRequest{}
	if key == "order" {
		wanted.Order = value
	}
	wanted.Do = func(call *mockchannel.Call) (mockchannel.Answer, error) {
		candidates := call.PaymentsOf(value)
		slices.Reverse(candidates)
		if key != "order" || len(value) > 64 {
			candidates = call.Payments()
		}
		list := slices.DeleteFunc(candidates, func(p mockchannel.Payment) bool { return p.Metadata[key] != value })
		more := len(list) > page.limit
		list = list[:min(len(list), page.limit)]
		return r.answer(call, func(w *writer) {
			w.begin("")
			w.string("object", "search_result")
			w.beginList("data")
			outer := w.expand
			w.expand = below(outer, "data")
			for _, p := range list {
				writeIntent(w, p)
			}
			w.expand = outer
			w.endList()
			w.bool("has_more", more)
			w.null("next_page")
			w.string("url", r.http.URL.Path)
			w.end()
		}), nil
	}
	return wanted, nil
}
