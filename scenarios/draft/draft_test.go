package draft_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
	"github.com/paystorm/paystorm/scenarios/draft"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDrafts holds what is written against golden files, and what is left to fill in: nothing may be wrong with a draft but
// its blanks.
func TestDrafts(t *testing.T) {
	t.Parallel()
	orders, err := draft.FromOpenAPI("testdata/orders.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	graphQL := func(file string) draft.GraphQL {
		shop, err := draft.FromGraphQL("testdata/"+file, "testdata/shop.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return shop
	}
	for name, test := range map[string]struct {
		shop interface {
			Write(w io.Writer, file string) error
		}
		blanks int
	}{
		"rest":     {draft.Shop{Name: "my-shop"}, 14},
		"openapi":  {orders, 8},
		"unions":   {graphQL("unions.graphql"), 4},
		"payloads": {graphQL("payloads.graphql"), 11},
		"bare":     {graphQL("bare.graphql"), 13},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			if err := test.shop.Write(&text, "shop.yaml"); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, text.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if text.String() != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", text.String(), want)
			}
			_, err = scenarios.LoadSystem(golden, scenarios.Vocabulary{
				Dialects:  []scenarios.Dialect{{Name: "standard", Credentials: []string{"key", "secret"}}},
				Launchers: []string{"process", "external", "container"},
			})
			var errs scenarios.Errors
			if !errors.As(err, &errs) || len(errs) != test.blanks {
				t.Errorf("%d faults, want %d blanks", len(errs), test.blanks)
			}
			for _, fault := range errs {
				if !strings.Contains(fault.Message, "still to be filled in: ") {
					t.Error(fault)
				}
			}
		})
	}
}

func TestFromOpenAPIRefuses(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("openapi: [3"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{broken, "testdata/nowhere.yaml"} {
		if _, err := draft.FromOpenAPI(file); err == nil || !strings.Contains(err.Error(), "read the OpenAPI document: ") {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

// A document that says nothing leads to the bare skeleton.
func TestFromEmptyOpenAPI(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "empty.yaml")
	if err := os.WriteFile(file, []byte("openapi: 3.1.0\ninfo: {title: '', version: '1'}\npaths: {/orders: {post: {responses: {default: {description: x}}}}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	shop, err := draft.FromOpenAPI(file)
	if err != nil || shop.Name != "my-shop" || shop.Order == nil || shop.Look != nil {
		t.Fatalf("got %+v, %v", shop, err)
	}
	if err := shop.Write(&bytes.Buffer{}, "shop.yaml"); err != nil {
		t.Fatal(err)
	}
}
