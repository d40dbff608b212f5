package scenarios_test

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/paystorm/paystorm/money"
	"github.com/paystorm/paystorm/scenarios"
)

func values() scenarios.Values {
	return scenarios.Values{
		"order": "o 1/2", "quantity": 3, "price_minor": int64(499900), "channel.secret": "whsec_x",
		"env": func(name string) (string, error) {
			if name != "IMAGE" {
				return "", errors.New("is not set")
			}
			return "shop:2", nil
		},
		"link": func(name string) (string, error) {
			if name != "shop->channel" {
				return "", errors.New("no such link")
			}
			return "http://127.0.0.1:9", nil
		},
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                         "",
		"plain":                                    "plain",
		"/orders/{{ order }}":                      "/orders/o 1/2",
		"/orders/{{ order | urlquery }}/x":         "/orders/o+1%2F2/x",
		"{{quantity}}{{ order }}":                  "3o 1/2",
		"{{ channel.secret }}":                     "whsec_x",
		`{{ env "IMAGE" "shop:1" }}`:               "shop:2",
		`{{ env "NONE" "shop:1" }}`:                "shop:1",
		`{{ env "NONE" "" }}`:                      "",
		`{{ link "shop->channel" }}/v1`:            "http://127.0.0.1:9/v1",
		"{{ link `shop->channel` }}":               "http://127.0.0.1:9",
		"a {{- quantity -}} b":                     "a3b",
		"{{ price_minor | number }}":               "499900",
		"{{ order }} costs {{ price_minor }}":      "o 1/2 costs 499900",
		"SELECT '}}' FROM a WHERE b = '{\"a\":1}'": "SELECT '}}' FROM a WHERE b = '{\"a\":1}'",
	} {
		if got, err := scenarios.Expand(text, values()); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestWrongTemplates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"{{ order":                       "unclosed action",
		"{{ }}":                          "missing value",
		"{{ .order }}":                   "is not understood",
		"{{ $x := order }}":              "is not understood",
		"{{ if order }}x{{ end }}":       "is not understood",
		"{{ range order }}x{{ end }}":    "is not understood",
		`{{ template "x" }}`:             "is not understood",
		`{{ "text" }}`:                   "is not understood",
		"{{ order 3 }}":                  "is not understood",
		"{{ (order) }}":                  "is not understood",
		`{{ env "A" "b" "c" }}`:          "is not understood",
		`{{ env "A" 3 }}`:                "is not understood",
		`{{ link "shop->channel" "x" }}`: "is not understood",
		"{{ order | upper }}":            `unknown filter "upper": allowed: number, urlquery`,
		`{{ order | number "x" }}`:       "unknown filter",
		"{{ payment }}":                  `"payment" has no value`,
		"{{ link }}":                     `"link" wants an argument`,
		`{{ link "channel->shop" }}`:     "no such link",
		`{{ define "x" }}{{ end }}`:      "is not understood",
		"{{/* nothing */}}{{ break }}":   "break",
	} {
		if _, err := scenarios.Expand(text, values()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestTemplateUses(t *testing.T) {
	t.Parallel()
	parsed, err := scenarios.ParseTemplate(`{{ order }}{{ link "a" }}{{ channel.key | urlquery }}`)
	want := []scenarios.Use{{Name: "order"}, {Name: "link", Argument: "a", Call: true}, {Name: "channel.key"}}
	if err != nil || !reflect.DeepEqual(parsed.Uses(), want) {
		t.Errorf("got %v, %v, want %v", parsed.Uses(), err, want)
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	body, err := scenarios.ParseBody(map[string]any{
		"order": "{{ order }}", "n": "{{ quantity | number }}", "text": "{{ quantity }}", "fixed": 1.5, "yes": true,
		"none": nil, "list": []any{"{{ price_minor | number }}", map[string]any{}, "n{{ quantity | number }}"}, "big": 1e15,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"big":1000000000000000,"fixed":1.5,"list":[499900,{},"n3"],"n":3,"none":null,"order":"o 1/2","text":"3","yes":true}`
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := body.Execute(values()); err != nil || string(got) != want {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
	group.Wait()
	for _, wrong := range []any{"{{ payment }}", "{{ order | number }}", []any{"{{ order | number }}"}, map[string]any{"a": "{{ payment }}"}} {
		body, err := scenarios.ParseBody(wrong)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := body.Execute(values()); err == nil {
			t.Errorf("%v: got %s", wrong, got)
		}
	}
	for _, wrong := range []any{"{{ ", []any{"{{ "}, map[string]any{"a": "{{ "}} {
		if _, err := scenarios.ParseBody(wrong); err == nil {
			t.Errorf("%v is parsed", wrong)
		}
	}
}

func TestItemValues(t *testing.T) {
	t.Parallel()
	item := scenarios.Item{SKU: "a", Stock: 5, Price: money.Amount{Minor: 499900, Currency: "CNY"}, PerBuyer: 1}
	got, err := scenarios.Expand(
		"{{ sku }} {{ stock }} {{ price }} {{ price_minor }} {{ currency }} {{ per_buyer }}", item.Values())
	if want := "a 5 4999.00 499900 CNY 1"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func BenchmarkTemplate(b *testing.B) {
	parsed, err := scenarios.ParseTemplate("/orders/{{ order }}")
	if err != nil {
		b.Fatal(err)
	}
	known := values()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parsed.Execute(known); err != nil {
			b.Fatal(err)
		}
	}
}
