package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/money"
)

// plain makes text from a shop fit for one line: control characters, which could move a cursor or end a document, and
// invisible ones, which could turn the reading direction around, are shown as a dot.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Z, r) {
			return ' '
		}
		return visible(r)
	}, text)
}

// visible is the rune, or a dot for one that does not show.
func visible(r rune) rune {
	if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
		return '·'
	}
	return r
}

// fit cuts text to a width in characters.
func fit(text string, width int) string {
	if runes := []rune(text); len(runes) > width {
		return string(runes[:max(0, width-1)]) + "…"
	}
	return text
}

// short is enough of a long id to tell it from its neighbours.
func short(id string) string {
	id = plain(id)
	if runes := []rune(id); len(runes) > 14 {
		return string(runes[:4]) + "…" + string(runes[len(runes)-5:])
	}
	return id
}

func amount(minor int64, currency string) string {
	return plain(money.Amount{Minor: minor, Currency: currency}.String())
}

// count is a number with its noun: "1 order", "2 orders", "3 deliveries".
func count[N int | int64](n N, noun string) string {
	noun = plain(noun)
	if n == 1 {
		return "1 " + noun
	}
	if stem, found := strings.CutSuffix(noun, "y"); found {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// at is a moment of the run, counted from its start, as the judge writes it: "3.214s".
func at(t history.Time) string { return fmt.Sprintf("%.3fs", t.Duration().Seconds()) }

// atMS is at for a moment in milliseconds.
func atMS(milliseconds int64) string {
	return at(history.Time(milliseconds) * history.Time(time.Millisecond))
}

// lasting is a length of time in three digits: "870µs", "43ms", "2.31s", "1m12s".
func lasting(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(time.Second).String()
	}
}

func lastingMS(milliseconds int64) string {
	return lasting(time.Duration(milliseconds) * time.Millisecond)
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// figure is a measured value without digits that nobody reads: "0.9912", "43.1", "1207".
func figure(value float64) string {
	switch {
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 2:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.3g", value)
	}
}

// firstOf is the first few of a list, and how many are left.
func firstOf[T any](list []T, most int) (first []T, left int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}

// listed joins the first few, in plain text, and says how many more there are.
func listed(list []string, most int) string {
	first, left := firstOf(list, most)
	clean := slices.Clone(first)
	for i := range clean {
		clean[i] = plain(clean[i])
	}
	if left > 0 {
		clean = append(clean, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(clean, ", ")
}
