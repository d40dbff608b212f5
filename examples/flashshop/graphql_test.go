package flashshop

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// ask sends an operation and returns the answer's JSON.
func (o *outlet) ask(query string, variables map[string]any) gjson.Result {
	o.t.Helper()
	status, answer := o.do(http.MethodPost, "/graphql", map[string]any{"query": query, "variables": variables})
	text, err := json.Marshal(answer)
	if err != nil || status != http.StatusOK {
		o.t.Fatalf("POST /graphql: %d %v, %v", status, answer, err)
	}
	return gjson.ParseBytes(text)
}

const placeOrder = `mutation($input: OrderInput!) {
	placeOrder(input: $input) { __typename ... on Order { id state payment { id } amountMinor currency } ... on Refusal { code } }
}`

func (o *outlet) place(sku, buyer, ref string, quantity int) gjson.Result {
	o.t.Helper()
	return o.ask(placeOrder, map[string]any{"input": map[string]any{"sku": sku, "buyer": buyer, "ref": ref, "quantity": quantity}})
}

// about asks a mutation about one order.
func (o *outlet) about(mutation, order string) gjson.Result {
	o.t.Helper()
	success := map[string]string{
		"payAgain": "NewPayment { payment { id } }", "cancelOrder": "Cancellation { state }", "refundOrder": "Refund { number state }",
	}[mutation]
	return o.ask(`mutation($order: ID!) {
		result: `+mutation+`(order: $order) { __typename ... on `+success+` ... on Refusal { code } }
	}`, map[string]any{"order": order})
}

func (o *outlet) wantJSON(what string, got gjson.Result, want string) {
	o.t.Helper()
	if got.Raw != want {
		o.t.Errorf("%s: got %s, want %s", what, got.Raw, want)
	}
}

func TestGraphQLOrders(t *testing.T) {
	t.Parallel()
	o := open(t)
	created := o.ask(`mutation($input: SkuInput!) { createSku(input: $input) { ... on Sku { sku } } }`, map[string]any{
		"input": map[string]any{"sku": "rare", "stock": 3, "priceMinor": 3_000_000_000, "currency": "JPY", "perBuyer": 2},
	})
	o.wantJSON("create", created, `{"data":{"createSku":{"sku":"rare"}}}`)

	first := o.place("rare", "7", "ref-1", 2).Get("data.placeOrder")
	id, pay := first.Get("id").String(), first.Get("payment.id").String()
	if first.Get("__typename").String() != "Order" || id == "" || pay == "" || first.Get("amountMinor").Int() != 6_000_000_000 {
		t.Fatalf("order: %s", first.Raw)
	}
	if again := o.place("rare", "7", "ref-1", 2).Get("data.placeOrder.id").String(); again != id {
		t.Errorf("the same ref got %s, and before that %s", again, id)
	}
	for _, test := range []struct{ what, sku, buyer, want string }{
		{"more than the limit", "rare", "7", `{"__typename":"LimitReached","code":"LIMIT"}`},
		{"more than there is", "rare", "8", `{"__typename":"SoldOut","code":"SOLD_OUT"}`},
		{"what is not on sale", "common", "8", `{"__typename":"NotFound","code":"UNKNOWN_SKU"}`},
	} {
		o.wantJSON(test.what, o.place(test.sku, test.buyer, "", 2).Get("data.placeOrder|@ugly"), test.want)
	}
	invalid := o.place("rare", "", "", 1)
	o.wantJSON("no buyer", invalid.Get("errors.0.extensions"), `{"code":"INVALID"}`)
	o.wantJSON("no buyer", invalid.Get("data"), `null`)
	if status := o.channel.pay(pay); status != http.StatusNoContent {
		t.Fatalf("success: %d", status)
	}
	o.wantJSON("order", o.ask(`query($id: ID!) { order(id: $id) { id state payment { id } reason } }`, map[string]any{"id": id}).Get("data.order.state"), `"PAID"`)
	o.wantJSON("no order", o.ask(`{ order(id: "none") { id } }`, nil), `{"data":{"order":null}}`)
	o.wantState(id, paid)
}

func TestGraphQLChangesOfAnOrder(t *testing.T) {
	t.Parallel()
	o := open(t, quick)
	id, _ := o.order()
	if pay := o.about("payAgain", id).Get("data.result.payment.id").String(); pay == "" {
		t.Error("no other payment")
	}
	o.wantJSON("refund unpaid", o.about("refundOrder", id).Get("data.result"), `{"__typename":"Conflict","code":"NOT_PAID"}`)
	o.wantJSON("cancel", o.about("cancelOrder", id).Get("data.result"), `{"__typename":"Cancellation","state":"CLOSED"}`)
	o.wantJSON("pay a closed one", o.about("payAgain", id).Get("data.result"), `{"__typename":"Conflict","code":"CLOSED"}`)
	for _, mutation := range []string{"payAgain", "cancelOrder", "refundOrder"} {
		o.wantJSON(mutation, o.about(mutation, "none").Get("data.result"), `{"__typename":"NotFound","code":"UNKNOWN_ORDER"}`)
	}
	id, _ = o.paid()
	o.wantJSON("cancel a paid one", o.about("cancelOrder", id).Get("data.result"), `{"__typename":"Conflict","code":"PAID"}`)
	refund := o.about("refundOrder", id).Get("data.result")
	if refund.Get("__typename").String() != "Refund" || refund.Get("number").String() == "" || refund.Get("state").String() != "PENDING" {
		t.Errorf("refund: %s", refund.Raw)
	}
	o.refundsMade(1)
	o.channel.endRefunds("succeeded")
	o.becomes(id, refunded)
	o.wantJSON("reconcile", o.ask(`mutation { reconcile { failed } }`, nil), `{"data":{"reconcile":{"failed":0}}}`)
}

func TestGraphQLBooksInPages(t *testing.T) {
	t.Parallel()
	o := open(t)
	var want []string
	for range 5 {
		id, _ := o.paid()
		want = append(want, id)
	}
	slices.Sort(want)
	for _, first := range []int{1, 2, 5, 500} {
		var got []string
		after, pages := any(nil), 0
		for {
			page := o.ask(`query($first: Int!, $after: String) { orders(first: $first, after: $after) { rows { id state } next } }`,
				map[string]any{"first": first, "after": after}).Get("data.orders")
			for _, row := range page.Get("rows").Array() {
				got = append(got, row.Get("id").String())
			}
			pages++
			if after = page.Get("next").Value(); after == nil {
				break
			}
		}
		if !slices.Equal(got, want) || pages != (len(want)+first-1)/first {
			t.Errorf("%d a page: got %v in %d pages, want %v", first, got, pages, want)
		}
	}
	books := o.ask(`{ stock { rows { sku available reserved sold } next }
		payments { rows { order amountMinor currency state } } refunds { rows { number } } grants(first: 2) { rows { order kind } next } }`, nil)
	o.wantJSON("stock", books.Get("data.stock"), `{"next":null,"rows":[{"available":15,"reserved":0,"sku":"phone-x","sold":5}]}`)
	o.wantJSON("refunds", books.Get("data.refunds"), `{"rows":[]}`)
	if payments := books.Get("data.payments.rows").Array(); len(payments) != 5 || payments[0].Get("amountMinor").Int() != 10000 {
		t.Errorf("payments: %s", books.Get("data.payments").Raw)
	}
	if grants := books.Get("data.grants"); len(grants.Get("rows").Array()) != 2 || !strings.HasSuffix(grants.Get("next").String(), "2") {
		t.Errorf("grants: %s", grants.Raw)
	}
	o.wantJSON("no page", o.ask(`{ orders(first: 0) { next } }`, nil).Get("errors.0.extensions"), `{"code":"INVALID"}`)
}

func TestGraphQLCouponsAndParts(t *testing.T) {
	t.Parallel()
	o := open(t, quick)
	o.channel.ended = func(string, int) string { return refundSucceeded }
	created := o.ask(`mutation($input: CouponInput!) { createCoupon(input: $input) { ... on Coupon { code } } }`, map[string]any{
		"input": map[string]any{"code": "ONCE", "offMinor": 2500, "currency": "CNY", "uses": 1, "perBuyer": 1},
	})
	o.wantJSON("create", created, `{"data":{"createCoupon":{"code":"ONCE"}}}`)
	order := func(buyer string) gjson.Result {
		return o.ask(`mutation($input: OrderInput!) { placeOrder(input: $input) { __typename
			... on Order { id payment { id } amountMinor discountMinor } ... on Refusal { code } } }`, map[string]any{
			"input": map[string]any{"sku": "phone-x", "buyer": buyer, "ref": "", "quantity": 1, "coupon": "ONCE"},
		}).Get("data.placeOrder")
	}
	first := order("7")
	id := first.Get("id").String()
	if first.Get("amountMinor").Int() != 7500 || first.Get("discountMinor").Int() != 2500 {
		t.Fatalf("order: %s", first.Raw)
	}
	o.wantJSON("used up", order("8"), `{"__typename":"LimitReached","code":"COUPON_USED_UP"}`)
	o.channel.take(first.Get("payment.id").String(), 0)
	eventually(t, "paid, once the shop has asked and got its answer in time", func() bool {
		back := o.ask(`mutation($order: ID!) { comeBack(order: $order) { ... on Order { state } } }`, map[string]any{"order": id})
		return back.Get("data.comeBack.state").String() == "PAID"
	})
	part := func(minor int, request string) gjson.Result {
		return o.ask(`mutation($order: ID!, $minor: Long!, $request: String!) {
			refundOrder(order: $order, amountMinor: $minor, request: $request) { ... on Refund { amountMinor } ... on Refusal { code } }
		}`, map[string]any{"order": id, "minor": minor, "request": request}).Get("data.refundOrder")
	}
	o.wantJSON("a part", part(3000, "a"), `{"amountMinor":3000}`)
	o.wantJSON("a part again", part(3000, "a"), `{"amountMinor":3000}`)
	o.wantJSON("too much", part(4501, "b"), `{"code":"NOT_SO_MUCH_LEFT"}`)
	o.wantJSON("the rest", part(0, "c"), `{"amountMinor":4500}`)
	o.becomes(id, refunded)
	books := o.ask(`{ coupons { rows { coupon order buyer offMinor } } payments { rows { capturedMinor } } orders { rows { discountMinor } } }`, nil)
	o.wantJSON("coupons", books.Get("data.coupons.rows"), `[{"buyer":"7","coupon":"ONCE","offMinor":2500,"order":"`+id+`"}]`)
	o.wantJSON("payments", books.Get("data.payments.rows"), `[{"capturedMinor":7500}]`)
	o.wantJSON("orders", books.Get("data.orders.rows"), `[{"discountMinor":2500}]`)
}
