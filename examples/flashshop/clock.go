package flashshop

import (
	"os"
	"strings"
	"sync"
	"time"
)

// clock is this machine's, with the offset that a file may say it has, such as "+90s" or "-5s", as libfaketime writes it.
// No file is no offset.
type clock struct {
	file string

	mu     sync.Mutex
	readAt time.Time
	offset time.Duration
}

const clockReadEvery = 50 * time.Millisecond

func (c *clock) now() time.Time {
	now := time.Now()
	if c.file == "" {
		return now
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.readAt) >= clockReadEvery {
		c.readAt, c.offset = now, 0
		if text, err := os.ReadFile(c.file); err == nil {
			c.offset, _ = time.ParseDuration(strings.TrimSpace(string(text))) // what says nothing is no offset
		}
	}
	return now.Add(c.offset)
}
