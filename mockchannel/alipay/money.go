package alipay

import (
	"strconv"
	"strings"
	"time"
)

// currency is the only one that the provider knows.
const currency = "CNY"

const (
	leastFen = 1
	mostFen  = 100_000_000_00 // of one trade: a hundred million yuan
)

// yuan writes an amount in fen as the provider does.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	cents := strconv.FormatInt(fen%100, 10)
	if len(cents) == 1 {
		cents = "0" + cents
	}
	return sign + strconv.FormatInt(fen/100, 10) + "." + cents
}

// parseYuan reads an amount in yuan of up to two decimal places, exactly. It is positive and may be out of bounds.
func parseYuan(text string) (fen int64, ok bool) {
	whole, cents, pointed := strings.Cut(text, ".")
	if len(whole) == 0 || len(whole) > 12 || len(cents) > 2 || (pointed && cents == "") {
		return 0, false
	}
	for len(cents) < 2 {
		cents += "0"
	}
	for _, digit := range whole + cents {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		fen = fen*10 + int64(digit-'0')
	}
	return fen, true
}

// beijing is the zone of all of the provider's times.
var beijing = time.FixedZone("GMT+8", 8*60*60)

// secondly is the form of its times.
const secondly = "2006-01-02 15:04:05"

func stamp(t time.Time) string { return t.In(beijing).Format(secondly) }

// limit reads a timeout_express: minutes, hours or days, from 1m to 15d, or 1c, which is the end of the day. Such a limit
// runs in business time, where absolute ones are the wall clock's.
func limit(text string, now time.Time) (time.Duration, bool) {
	if text == "1c" {
		now = now.In(beijing)
		midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, beijing)
		return midnight.Sub(now), true
	}
	if len(text) < 2 {
		return 0, false
	}
	unit, known := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[text[len(text)-1]]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 15)
	duration := time.Duration(n) * unit
	if !known || err != nil || duration < time.Minute || duration > longest {
		return 0, false
	}
	return duration, true
}

// longest is how long a trade waits for its buyer, and what it waits if nothing is said.
const longest = 15 * 24 * time.Hour
