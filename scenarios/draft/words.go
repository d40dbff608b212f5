package draft

import "regexp"

// word is a way in which shops call something, and what it means.
type word struct {
	pattern *regexp.Regexp
	means   string
}

func called(pattern, means string) word { return word{regexp.MustCompile("(?i)" + pattern), means} }

// Names in answers and paths.
var (
	isState   = regexp.MustCompile(`(?i)^(order_?)?(state|status)$`)
	isOrder   = regexp.MustCompile(`(?i)^((data\.)?(order\.)?(id|number|order_?(id|no|number)))$`)
	isPayment = regexp.MustCompile(`(?i)^(data\.)?(order\.)?(payment_?(id|no|intent_?id|intent)?|payment\.(id|payment_?id)|transaction_?id|trade_no)$`)
	ofOrders  = regexp.MustCompile(`(?i)/(orders?|checkouts?|purchases?)\b`)
)

// inputs are the fields of a request and what a template fills them with.
var inputs = []word{
	called(`(sku|product|item|variant)(_?(id|code))?$`, "{{ sku }}"),
	called(`(quantity|qty|count|units)$`, "{{ quantity | number }}"),
	called(`(per_?buyer|limit)$`, "{{ per_buyer | number }}"),
	called(`(buyer|customer|user|client)(_?(id|name))?$`, "{{ buyer }}"),
	called(`e-?mail$`, "{{ buyer }}@example.com"),
	called(`(ref|reference|idempotency_?key|request_?id|external_?id)$`, "{{ ref }}"),
	called(`(stock|available|inventory|on_?hand)$`, "{{ stock | number }}"),
	called(`(price|amount)_?(minor|cents|fen)$`, "{{ price_minor | number }}"),
	called(`price$`, "{{ price }}"),
	called(`currency(_?code)?$`, "{{ currency }}"),
}

// columns are the fields of an order in a list and the canonical column.
var columns = []word{
	{isOrder, "order"},
	called(`^(ref|reference)$`, "ref"),
	called(`^(buyer|customer|user)(_?id)?$`, "buyer"),
	called(`^(sku|product_?id|item_?id)$`, "sku"),
	called(`^(quantity|qty)$`, "quantity"),
	{isState, "state"},
	called(`^(amount|total|price)_?(minor|cents|fen)$`, "minor"),
	called(`^currency(_?code)?$`, "currency"),
}

// states are the words of shops for the canonical states.
var states = []word{
	called(`^(new|created|pending|unpaid|awaiting.*|open|placed)$`, "pending"),
	called(`^(paid|payment.?(settled|received|succeeded)|succeeded|completed)$`, "paid"),
	called(`^(shipped|fulfilled|delivered)$`, "shipped"),
	called(`^(refunding|refund.?pending)$`, "refunding"),
	called(`^refunded$`, "refunded"),
	called(`^(closed|cancell?ed|expired|failed|void(ed)?)$`, "closed"),
	called(`^(review|manual.*|on.?hold)$`, "review"),
}
