package flashshop

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"

	"github.com/graph-gophers/graphql-go"
	"github.com/graph-gophers/graphql-go/relay"
)

//go:embed shop.graphql
var graphQLSchema string

// bodyMost is how long a request may be.
const bodyMost = 64 << 10

// graphQL serves shop.graphql. The library is handed the methods of graphQLAPI by their names.
func (s *shop) graphQL() http.Handler {
	schema := graphql.MustParseSchema(graphQLSchema, &graphQLAPI{s}, graphql.UseFieldResolvers(), graphql.UseStringDescriptions())
	return http.MaxBytesHandler(&relay.Handler{Schema: schema}, bodyMost)
}

type graphQLAPI struct{ shop *shop }

// The members of the unions. Fields are named as in the schema.
type (
	skuResult    struct{ SKU graphql.ID }
	couponResult struct{ Code graphql.ID }
	orderResult  struct {
		ID                         graphql.ID
		State                      string
		Reason                     *string
		Payment                    *paymentResult
		AmountMinor, DiscountMinor long
		Currency                   string
	}
	paymentResult struct {
		ID     graphql.ID
		PayURL *string
	}
	newPaymentResult struct {
		Order   graphql.ID
		Payment *paymentResult
	}
	cancellationResult struct {
		Order graphql.ID
		State string
	}
	refundResult struct {
		Number      graphql.ID
		State       string
		AmountMinor long
	}
	reconciliationResult struct{ Orders, Refunds, Failed int32 }

	soldOut      struct{ Code string }
	limitReached struct{ Code string }
	notFound     struct{ Code string }
	conflict     struct{ Code string }
	busy         struct{ Code string }
)

// member is a value of any of the unions: the library asks it for each type that it might be.
type member struct{ value any }

func (m member) ToSku() (*skuResult, bool)                   { return as[skuResult](m) }
func (m member) ToCoupon() (*couponResult, bool)             { return as[couponResult](m) }
func (m member) ToOrder() (*orderResult, bool)               { return as[orderResult](m) }
func (m member) ToNewPayment() (*newPaymentResult, bool)     { return as[newPaymentResult](m) }
func (m member) ToCancellation() (*cancellationResult, bool) { return as[cancellationResult](m) }
func (m member) ToRefund() (*refundResult, bool)             { return as[refundResult](m) }
func (m member) ToSoldOut() (*soldOut, bool)                 { return as[soldOut](m) }
func (m member) ToLimitReached() (*limitReached, bool)       { return as[limitReached](m) }
func (m member) ToNotFound() (*notFound, bool)               { return as[notFound](m) }
func (m member) ToConflict() (*conflict, bool)               { return as[conflict](m) }
func (m member) ToBusy() (*busy, bool)                       { return as[busy](m) }

func as[T any](m member) (*T, bool) {
	value, is := m.value.(T)
	return &value, is
}

// problem is an error as GraphQL has them.
type problem struct{ code string }

func (p problem) Error() string              { return "request failed: " + p.code }
func (p problem) Extensions() map[string]any { return map[string]any{"code": p.code} }

// refused is the definite no that err is, as a member of the union, and otherwise an error.
func (a *graphQLAPI) refused(ctx context.Context, err error) (member, error) {
	var d *denied
	switch {
	case errors.Is(err, errBusy):
		return member{busy{"BUSY"}}, nil
	case !errors.As(err, &d):
		return member{}, a.failed(ctx, err)
	case d.Code == "SOLD_OUT":
		return member{soldOut{d.Code}}, nil
	case d.Code == "LIMIT" || d.Code == "COUPON_LIMIT" || d.Code == "COUPON_USED_UP":
		return member{limitReached{d.Code}}, nil
	case d.Status == http.StatusNotFound:
		return member{notFound{d.Code}}, nil
	case d.Status == http.StatusConflict:
		return member{conflict{d.Code}}, nil
	default:
		return member{}, problem{d.Code}
	}
}

// failed is an error for a client. What it was stays in the log.
func (a *graphQLAPI) failed(ctx context.Context, err error) error {
	if errors.Is(err, errBusy) {
		return problem{"BUSY"}
	}
	a.shop.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", "graphql"), slog.Any("error", err))
	return problem{"INTERNAL"}
}

// CreateSku is POST /admin/skus.
func (a *graphQLAPI) CreateSku(ctx context.Context, args struct {
	Input struct {
		SKU                         graphql.ID
		Stock, PriceMinor, PerBuyer long
		Currency                    string
	}
},
) (member, error) {
	in := args.Input
	err := a.shop.putOnSale(ctx, goods{
		SKU: string(in.SKU), Stock: int64(in.Stock), Price: int64(in.PriceMinor), Currency: in.Currency, PerBuyer: int64(in.PerBuyer),
	})
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{skuResult{in.SKU}}, nil
}

// CreateCoupon is POST /admin/coupons.
func (a *graphQLAPI) CreateCoupon(ctx context.Context, args struct {
	Input struct {
		Code                     graphql.ID
		OffMinor, Uses, PerBuyer long
		Currency                 string
	}
},
) (member, error) {
	in := args.Input
	err := a.shop.giveAway(ctx, coupon{
		Code: string(in.Code), Off: int64(in.OffMinor), Currency: in.Currency, Uses: int64(in.Uses), PerBuyer: int64(in.PerBuyer),
	})
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{couponResult{in.Code}}, nil
}

// PlaceOrder is POST /orders.
func (a *graphQLAPI) PlaceOrder(ctx context.Context, args struct {
	Input struct {
		SKU        graphql.ID
		Quantity   int32
		Buyer, Ref string
		Coupon     *string
	}
},
) (member, error) {
	in := args.Input
	wanted := wish{SKU: string(in.SKU), Buyer: in.Buyer, Ref: in.Ref, Quantity: int64(in.Quantity)}
	if in.Coupon != nil {
		wanted.Coupon = *in.Coupon
	}
	v, _, err := a.shop.buy(ctx, wanted)
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{*shown(v)}, nil
}

// ofOrder are the arguments of what is asked about one order.
type ofOrder struct{ Order graphql.ID }

// PayAgain is POST /orders/{order}/payments.
func (a *graphQLAPI) PayAgain(ctx context.Context, args ofOrder) (member, error) {
	made, err := a.shop.offerAnotherPayment(ctx, string(args.Order))
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{newPaymentResult{args.Order, shownPayment(made.ID, made.PayURL)}}, nil
}

// ComeBack is POST /orders/{order}/return.
func (a *graphQLAPI) ComeBack(ctx context.Context, args ofOrder) (member, error) {
	v, err := a.shop.comeBack(ctx, string(args.Order))
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{*shown(v)}, nil
}

// CancelOrder is POST /orders/{order}/cancel.
func (a *graphQLAPI) CancelOrder(ctx context.Context, args ofOrder) (member, error) {
	state, err := a.shop.callOff(ctx, string(args.Order))
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{cancellationResult{args.Order, state}}, nil
}

// RefundOrder is POST /orders/{order}/refunds.
func (a *graphQLAPI) RefundOrder(ctx context.Context, args struct {
	Order       graphql.ID
	AmountMinor long
	Request     string
},
) (member, error) {
	c, err := a.shop.refundOrder(ctx, string(args.Order), refundWish{Minor: int64(args.AmountMinor), Request: args.Request})
	if err != nil {
		return a.refused(ctx, err)
	}
	return member{refundResult{graphql.ID(c.Number), c.State, long(c.Minor)}}, nil
}

// Reconcile is POST /admin/reconcile.
func (a *graphQLAPI) Reconcile(ctx context.Context) (*reconciliationResult, error) {
	orders, refunds, unsettled, err := a.shop.reconcile(ctx)
	if err != nil {
		return nil, a.failed(ctx, err)
	}
	return &reconciliationResult{int32(orders), int32(refunds), int32(unsettled)}, nil
}

// Order is GET /orders/{order}.
func (a *graphQLAPI) Order(ctx context.Context, args struct{ ID graphql.ID }) (*orderResult, error) {
	v, found, err := a.shop.look(ctx, string(args.ID))
	switch {
	case err != nil:
		return nil, a.failed(ctx, err)
	case !found:
		return nil, nil
	default:
		return shown(v), nil
	}
}

func shown(v view) *orderResult {
	return &orderResult{
		ID: graphql.ID(v.ID), State: v.State, Reason: some(v.Reason), Payment: shownPayment(v.PaymentID, v.PayURL),
		AmountMinor: long(v.AmountMinor), DiscountMinor: long(v.Discount), Currency: v.Currency,
	}
}

func shownPayment(id, payURL string) *paymentResult {
	if id == "" {
		return nil
	}
	return &paymentResult{ID: graphql.ID(id), PayURL: some(payURL)}
}

// some is a text, and null for none.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// long is the scalar Long: GraphQL's own Int has 32 bits, which is too few for money in minor units.
type long int64

func (long) ImplementsGraphQLType(name string) bool { return name == "Long" }

// UnmarshalGraphQL takes a number of a document or of JSON variables.
func (l *long) UnmarshalGraphQL(input any) error {
	switch number := input.(type) {
	case int32:
		*l = long(number)
		return nil
	case float64:
		if number == math.Trunc(number) && math.Abs(number) <= 1<<53 {
			*l = long(number)
			return nil
		}
	}
	return fmt.Errorf("%v is no whole number of up to 53 bits", input)
}
