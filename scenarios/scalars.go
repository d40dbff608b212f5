package scenarios

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Scalar types as files write them. Each parses its own text, so that a wrong one is reported where it stands, and
// writes the same text again, so that plan.json reads like the files it came from.
type (
	// Duration is written as "1.5s", "80ms" or "2m". It is never negative.
	Duration time.Duration
	// Span is a duration or a range of them: "200ms" or "200ms..3s". Low equals High for the former.
	Span struct {
		Low, High time.Duration
	}
	// Share is a part of a whole, 0 to 1, written as "30%" or "0.3".
	Share float64
	// Size is a number of bytes, written as "256m", "64k" or "1g": of 1024 each.
	Size int64
	// Part is a part of what an order costs: "full", which is 0, or a share of its price such as "40%".
	Part float64
	// Rate is iterations per second, written as "400/s", "90/m" or "300/h".
	Rate float64
)

// UnmarshalText parses "1.5s".
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := parseDuration(string(text))
	if err != nil {
		return err
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the duration as a file writes it.
func (d Duration) String() string { return time.Duration(d).String() }

func parseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, fmt.Errorf("%q has no unit: want a duration such as %ss or %sms", text, text, text)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: want one such as 1.5s, 80ms or 2m", text)
	}
	if parsed < 0 {
		return 0, fmt.Errorf("%q is negative: want a duration of 0 or more", text)
	}
	return parsed, nil
}

// UnmarshalText parses "200ms" or "200ms..3s".
func (s *Span) UnmarshalText(text []byte) error {
	first, second, ranged := strings.Cut(string(text), "..")
	low, err := parseDuration(first)
	if err != nil {
		return err
	}
	high := low
	if ranged {
		if high, err = parseDuration(second); err != nil {
			return err
		}
	}
	if high < low {
		return fmt.Errorf("%q ends before it begins: want the shorter duration first", text)
	}
	*s = Span{Low: low, High: high}
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the span as a file writes it.
func (s Span) String() string {
	if s.Low == s.High {
		return s.Low.String()
	}
	return s.Low.String() + ".." + s.High.String()
}

// UnmarshalText parses "30%" or "0.3".
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	value, err := parseDecimal(number)
	if err != nil {
		return fmt.Errorf("%q is no share: want one such as 30%% or 0.3", text)
	}
	if percent {
		value /= 100
	}
	if value < 0 || value > 1 {
		return fmt.Errorf("%q is no part of a whole: want 0%% to 100%%, or 0 to 1", text)
	}
	*s = Share(value)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (s Share) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the share as a file writes it: a percentage, unless only the decimal is exact.
func (s Share) String() string {
	percent := strconv.FormatFloat(math.Round(float64(s)*1e8)/1e6, 'f', -1, 64)
	if value, err := parseDecimal(percent); err == nil && value/100 == float64(s) {
		return percent + "%"
	}
	return strconv.FormatFloat(float64(s), 'g', -1, 64)
}

// partFull is all of it.
const partFull = "full"

// UnmarshalText parses "full" or "40%".
func (p *Part) UnmarshalText(text []byte) error {
	if string(text) == partFull {
		*p = 0
		return nil
	}
	var share Share
	if err := share.UnmarshalText(text); err != nil || share <= 0 || share >= 1 {
		return fmt.Errorf("%q is no part of a price: want full, or a share of it such as 40%%", text)
	}
	*p = Part(share)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (p Part) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// String is the part as a file writes it.
func (p Part) String() string {
	if p == 0 {
		return partFull
	}
	return Share(p).String()
}

// Of is the part of a price in minor units: to the nearest one, and never nothing.
func (p Part) Of(price int64) int64 {
	if p == 0 {
		return price
	}
	const whole = 1_000_000 // a share is exact to a ten-thousandth of a percent; of money there are whole units alone
	millionths := int64(math.Round(float64(p) * whole))
	return max(1, (price*millionths+whole/2)/whole)
}

// UnmarshalText parses "400/s", "90/m" or "300/h".
func (r *Rate) UnmarshalText(text []byte) error {
	number, unit, found := strings.Cut(string(text), "/")
	seconds := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	value, err := parseDecimal(number)
	if !found || seconds == 0 || err != nil {
		return fmt.Errorf("%q is no rate: want one such as 400/s or 90/m", text)
	}
	if value <= 0 {
		return fmt.Errorf("%q is no rate: want more than 0", text)
	}
	*r = Rate(value / seconds)
	return nil
}

// MarshalText is the inverse of UnmarshalText.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String is the rate per second as a file writes it.
func (r Rate) String() string { return strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s" }

// UnmarshalText parses "256m".
func (s *Size) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("%q is no size: want one such as 256m or 1g", text)
	if len(text) < 2 {
		return wrong
	}
	shift := strings.IndexByte(sizeUnits, text[len(text)-1])
	number, err := strconv.ParseInt(string(text[:len(text)-1]), 10, 32)
	if shift < 0 || err != nil || number < 1 {
		return wrong
	}
	*s = Size(number << (10 * (shift + 1)))
	return nil
}

const sizeUnits = "kmg"

// MarshalText is the inverse of UnmarshalText.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the size as a file writes it.
func (s Size) String() string {
	number, unit := int64(s)>>10, 0
	for ; unit < len(sizeUnits)-1 && number%1024 == 0; unit++ {
		number >>= 10
	}
	return strconv.FormatInt(number, 10) + sizeUnits[unit:unit+1]
}

// parseDecimal reads a finite number. "Inf", "NaN" and hexadecimal floats, which strconv takes, are none.
func parseDecimal(text string) (float64, error) {
	if strings.Trim(text, "0123456789.+-eE") != "" {
		return 0, errors.New("not a decimal")
	}
	return strconv.ParseFloat(text, 64)
}
