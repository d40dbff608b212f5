package money

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	cases := []struct {
		text  string
		minor int64
		code  string
	}{
		{"4999.00 CNY", 499900, "CNY"},
		{"0.01 USD", 1, "USD"},
		{"12 EUR", 1200, "EUR"},
		{"12.5 EUR", 1250, "EUR"},
		{"1200 JPY", 1200, "JPY"},
		{"1.234 KWD", 1234, "KWD"},
		{"0 CNY", 0, "CNY"},
		{"92233720368547758.07 CNY", math.MaxInt64, "CNY"},
		{"5.00 LAK", 500, "LAK"}, // CLDR says no decimals, ISO 4217 says two
	}
	for _, c := range cases {
		t.Run(c.text, func(t *testing.T) {
			got, err := Parse(c.text)
			if err != nil || got != (Amount{c.minor, c.code}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "12", "12.00", "CNY", "12.345 CNY", "1.5 JPY", "-1.00 CNY", "+1 CNY", "1e3 CNY", "1,000 CNY", "1. CNY", ".5 CNY",
		"1.00 cny", "1.00 XYZ", "0x10 CNY", "1.0.0 CNY", "92233720368547758.08 CNY", "١ CNY",
	} {
		t.Run(text, func(t *testing.T) {
			if got, err := Parse(text); err == nil {
				t.Errorf("got %+v and no error", got)
			}
		})
	}
}

func TestStringIsTheInverseOfParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Amount{
			Minor:    rapid.Int64Min(0).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]string{"CNY", "USD", "JPY", "KWD", "CLF"}).Draw(t, "currency"),
		}
		got, err := Parse(want.String())
		if err != nil || got != want {
			t.Fatalf("%+v is written %q and read %+v, %v", want, want.String(), got, err)
		}
	})
}

func TestStringOfWhatShopsReport(t *testing.T) {
	cases := map[string]Amount{
		"-0.05 CNY":                 {-5, "CNY"},
		"-4999.00 CNY":              {-499900, "CNY"},
		"-7 JPY":                    {-7, "JPY"},
		"12 minor ¤":                {12, "¤"},
		"12 minor":                  {12, ""},
		"-92233720368547758.08 CNY": {math.MinInt64, "CNY"},
	}
	for want, amount := range cases {
		if got := amount.String(); got != want {
			t.Errorf("%+v is written %q, want %q", amount, got, want)
		}
	}
}
