package scenarios

import (
	"reflect"
	"slices"
	"strings"

	"github.com/paystorm/paystorm/money"
)

var typeAmount = reflect.TypeFor[money.Amount]()

// Canonical words that these files use. The history has them as types; this package may not import it, and a test of
// the command line, which sees both, holds them equal.

// OrderStates are the canonical states of an order.
func OrderStates() []string {
	return []string{"pending", "paid", "shipped", "refunding", "refunded", "closed", "review"}
}

// OrdersAtFault are the states in which a fault can meet an order.
func OrdersAtFault() []string { return []string{"ordered", "paid", "closed", "refunding", "refunded"} }

// Tables are the canonical tables that probes fill.
func Tables() []string {
	return []string{
		"stock", "orders", "payments", "refunds", "grants", "coupons", "ledger", "discrepancies", "inbox",
	}
}

// RefundStates are the canonical states of a refund.
func RefundStates() []string { return []string{"pending", "succeeded", "failed"} }

// PaidStates are the canonical states of a payment in the shop's books.
func PaidStates() []string { return []string{"pending", "captured", "refunded", "failed", "closed"} }

// Reasons are the canonical reasons of a refusal.
func Reasons() []string { return []string{"sold_out", "limit"} }

// Messages are what `only: {message: …}` may name: notification types and merchant operations.
func Messages() []string {
	return []string{
		"payment.succeeded", "payment.failed", "payment.closed", "refund.succeeded", "refund.failed",
		"create", "query", "close", "refund", "refund-query", "bill",
	}
}

// PaymentStates are the states of a payment at the channel that `when` may name.
func PaymentStates() []string { return []string{"created", "pending", "succeeded", "failed", "closed"} }

// When a fault ends that has no `for`.
const (
	UntilHeal  = "heal"
	UntilBooks = "books" // stays until the shop's books were read
)

// Names of templates. Item.Values has those of an item.
func itemNames() []string {
	return []string{"sku", "stock", "price", "price_minor", "currency", "per_buyer"}
}

// ofSecond ends the names of an order's second item.
const ofSecond = "_2"

// orderNames are what a journey's step may name beside the item and what was captured.
func orderNames() []string { return []string{"quantity", "buyer", "ref", NameCoupon} }

// NameCoupon is the code of the coupon that a buyer was given, "" for none.
const NameCoupon = "coupon"

// couponNames are what the steps that give a coupon away may name. Coupon.Values has them.
func couponNames() []string {
	return []string{NameCoupon, "coupon_off", "coupon_minor", "coupon_uses", "coupon_per_buyer", "currency"}
}

// What a refund may name beside that: how much is wished for, and the wish's own key.
const (
	NameRefundMinor = "refund_minor"
	NameWish        = "wish"
)

func refundNames() []string { return []string{NameRefundMinor, NameWish} }

// processNames are what a process's command and environment may name; link, tcp and sink take an argument.
func processNames() []string {
	return []string{
		"address", "port", "dir", "channel.merchant", "channel.notify", "channel.ca", nameLink, nameTCP, "sink",
	}
}

// credentialNames are what they may name beside that in a dialect.
func credentialNames(dialect string, dialects []Dialect) []string {
	var all []string
	for _, known := range dialects {
		if known.Name != dialect {
			continue
		}
		for _, name := range known.Credentials {
			all = append(all, "channel."+name)
		}
	}
	return all
}

// secretNames may be named wherever a shop is told or asked something. Each takes an argument.
func secretNames() []string { return []string{nameEnv, nameFile} }

// wordSet is what a field's keys or values must be among; nil allows any.
type wordSet struct {
	noun         string
	keys, values []string
	keysLike     string // a pattern for schemas, where the keys depend on the rest of the file
}

// words lists the fields that take words from a fixed set, as "Type.key". The decoder and the schemas both read it.
func words(v Vocabulary) map[string]wordSet {
	acts := []string{"cancel", "refund", "payment"}
	for _, kind := range v.Payers {
		acts = append(acts, kind.NeedsActs...)
	}
	slices.Sort(acts)
	return map[string]wordSet{
		"Load.profile":        {noun: "profile", values: names(v.Profiles, profileName)},
		"Scenario.invariants": {noun: "invariant", values: v.Invariants},
		"Scenario.waive":      {noun: "invariant or table", keys: slices.Concat(v.Invariants, Tables())},
		"ChannelUse.dialect":  {noun: "dialect", values: names(v.Dialects, dialectName)},
		"System.states":       {noun: "order state", values: OrderStates()},
		"System.probes":       {noun: "table", keys: Tables()},
		"System.links":        {keysLike: `^(` + strings.Join(Links(), "|") + `|shop->[a-z][a-z0-9-]*)$`},
		"System.acts":         {noun: "act", keys: slices.Compact(acts)},
		"System.launch":       {noun: "launcher", keys: v.Launchers},
		"Step.until":          {noun: "order state", values: OrderStates()},
		"Match.map":           {noun: "reason", values: Reasons()},
		"Only.message":        {noun: "message", values: Messages()},
		"Cell.message":        {noun: "message", values: Messages()},
		"Cell.state":          {noun: "state of an order", values: OrdersAtFault()},
		"common.until":        {noun: "end", values: []string{UntilHeal, UntilBooks}},
	}
}

func dialectName(d Dialect) string { return d.Name }

func kindName(k Kind) string { return k.Name }

func profileName(p Profile) string { return p.Name }

func names[T any](of []T, name func(T) string) []string {
	all := make([]string, len(of))
	for index, one := range of {
		all[index] = name(one)
	}
	return all
}
