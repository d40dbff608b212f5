package tables

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT count(*) FROM ops": "[]",
		"SELECT order_no FROM final_grants GROUP BY order_no HAVING count(*) > 1":                            "[grants]",
		"-- why\nWITH paid AS (SELECT * FROM orders) SELECT * FROM paid JOIN final_refunds USING (order_no)": "[orders refunds]",
		"SELECT 'a;b' -- c; d\n FROM captures;":                                                              "[]",
		"SELECT unheard FROM stock":                                                                          "there is no column unheard",
		"SELECT * FROM order":                                                                                "near",
		"SELECT * FROM ordres":                                                                               "there is no table ordres",
		"DELETE FROM orders":                                                                                 "is no query: want one SELECT",
		"SELECT 1; DELETE FROM orders":                                                                       "more than one statement",
		"":                                                                                                   "is no query",
	} {
		books, err := Check(query)
		got := fmt.Sprint(books)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %s, want %s", query, got, want)
		}
	}
}
