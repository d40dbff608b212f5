package flashshop

import (
	"context"
	"strings"

	"github.com/graph-gophers/graphql-go"
)

// The books over GraphQL: each row as the database has it, in the order of its key, page after page.

const (
	pageMost = 1000

	grantKey = "CAST(1000000000000 + id AS TEXT)" // as a text, in the order of the numbers
)

type pageArgs struct {
	First int32
	After *string
}

// page is a page of any table, and next the cursor of the one after it.
type page[T any] struct {
	Rows []T
	Next *string
}

type (
	stockRow struct {
		SKU                       graphql.ID
		Available, Reserved, Sold long
	}
	orderRow struct {
		ID                                   graphql.ID
		Ref, Buyer                           string
		SKU                                  graphql.ID
		Quantity, DiscountMinor, AmountMinor long
		Currency                             string
		State, Reason                        string
	}
	paymentRow struct {
		ID, Order                  graphql.ID
		AmountMinor, CapturedMinor long
		Currency, State            string
	}
	refundRow struct {
		Number, Order, Payment graphql.ID
		AmountMinor            long
		Currency, State        string
	}
	couponRow struct {
		Coupon, Order graphql.ID
		Buyer         string
		OffMinor      long
	}
	grantRow struct {
		Order graphql.ID
		Kind  string
		Value long
	}
)

func (a *graphQLAPI) Stock(ctx context.Context, args pageArgs) (*page[stockRow], error) {
	return read(ctx, a, args, "sku", `SELECT sku, sku, available, reserved, sold FROM skus`,
		func(r *stockRow) []any { return []any{&r.SKU, &r.Available, &r.Reserved, &r.Sold} })
}

func (a *graphQLAPI) Orders(ctx context.Context, args pageArgs) (*page[orderRow], error) {
	return read(ctx, a, args, "id", `SELECT id, id, ref, buyer, sku, quantity, discount_minor, amount_minor, currency, state, reason
		FROM orders`,
		func(r *orderRow) []any {
			return []any{
				&r.ID, &r.Ref, &r.Buyer, &r.SKU, &r.Quantity, &r.DiscountMinor, &r.AmountMinor, &r.Currency, &r.State, &r.Reason,
			}
		})
}

func (a *graphQLAPI) Payments(ctx context.Context, args pageArgs) (*page[paymentRow], error) {
	return read(ctx, a, args, "id", `SELECT id, id, order_id, amount_minor, captured_minor, currency, state FROM payments`,
		func(r *paymentRow) []any {
			return []any{&r.ID, &r.Order, &r.AmountMinor, &r.CapturedMinor, &r.Currency, &r.State}
		})
}

func (a *graphQLAPI) Refunds(ctx context.Context, args pageArgs) (*page[refundRow], error) {
	return read(ctx, a, args, "refund_no",
		`SELECT refund_no, refund_no, order_id, payment_id, amount_minor, currency, state FROM refunds`,
		func(r *refundRow) []any {
			return []any{&r.Number, &r.Order, &r.Payment, &r.AmountMinor, &r.Currency, &r.State}
		})
}

func (a *graphQLAPI) Coupons(ctx context.Context, args pageArgs) (*page[couponRow], error) {
	return read(ctx, a, args, "order_id", `SELECT order_id, code, order_id, buyer, off_minor FROM coupon_uses`,
		func(r *couponRow) []any { return []any{&r.Coupon, &r.Order, &r.Buyer, &r.OffMinor} })
}

func (a *graphQLAPI) Grants(ctx context.Context, args pageArgs) (*page[grantRow], error) {
	return read(ctx, a, args, grantKey, `SELECT `+grantKey+`, order_id, kind, value FROM grants`,
		func(r *grantRow) []any { return []any{&r.Order, &r.Kind, &r.Value} })
}

// read reads the rows after a cursor, which is the key of the last one on the page before. query selects the key first.
func read[T any](ctx context.Context, a *graphQLAPI, args pageArgs, key, query string, fields func(*T) []any) (*page[T], error) {
	if args.First < 1 || args.First > pageMost {
		return nil, problem{"INVALID"}
	}
	after, keys := "", []string{}
	if args.After != nil {
		after = *args.After
	}
	rows, err := all(ctx, a.shop.store, func(found row, into *T) error {
		keys = append(keys, "")
		return found.Scan(append([]any{&keys[len(keys)-1]}, fields(into)...)...)
	}, strings.Join([]string{query, "WHERE", key, "> ? ORDER BY 1 LIMIT ?"}, " "), after, args.First+1)
	if err != nil {
		return nil, a.failed(ctx, err)
	}
	if len(rows) <= int(args.First) {
		return &page[T]{Rows: rows}, nil
	}
	return &page[T]{Rows: rows[:args.First], Next: &keys[args.First-1]}, nil
}
