// Package dice is the only randomness of a run: a keyed hash of the seed and of names that do not change between runs.
//
// There is no stream to draw from, so that one decision never shifts another: adding a fault, or a buyer who comes a
// millisecond later, leaves every other buyer's luck as it was.
package dice

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"
)

// Dice answers with the same numbers for the same seed and keys, on any machine and at any time.
type Dice struct{ seed int64 }

// New returns the dice of one seed.
func New(seed int64) Dice { return Dice{seed: seed} }

// Uint64 is a uniform number for the key. Parts are length-prefixed, so ("ab","c") and ("a","bc") differ.
func (d Dice) Uint64(key ...string) uint64 {
	buffer := make([]byte, 0, 128)
	buffer = binary.BigEndian.AppendUint64(buffer, uint64(d.seed))
	for _, part := range key {
		buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(part)))
		buffer = append(buffer, part...)
	}
	sum := sha256.Sum256(buffer)
	return binary.BigEndian.Uint64(sum[:8])
}

// Numbered is a number for each n, different ones for different n, from a key that Uint64 has hashed: for those who need
// very many. (The generator is SplitMix64.)
func Numbered(key, n uint64) uint64 {
	x := key + n*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Unit is a uniform number in [0,1) for the key.
func (d Dice) Unit(key ...string) float64 {
	return float64(d.Uint64(key...)>>11) / (1 << 53)
}

// Hit is true for the given share (0 to 1) of keys.
func (d Dice) Hit(share float64, key ...string) bool { return d.Unit(key...) < share }

// Between is a uniform duration in [low, high] for the key. high below low counts as low.
func (d Dice) Between(low, high time.Duration, key ...string) time.Duration {
	if high <= low {
		return low
	}
	return low + time.Duration(math.Round(d.Unit(key...)*float64(high-low)))
}

// Pick is the index of one of the weights for the key, in proportion to the weights; -1 if they add up to nothing.
func (d Dice) Pick(weights []float64, key ...string) int {
	total := 0.0
	for _, weight := range weights {
		total += weight
	}
	if total <= 0 {
		return -1
	}
	at := d.Unit(key...) * total
	for index, weight := range weights {
		if at < weight {
			return index
		}
		at -= weight
	}
	return len(weights) - 1
}
