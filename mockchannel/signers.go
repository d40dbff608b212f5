package mockchannel

import (
	"runtime"
	"time"
)

// signers bounds how many signatures are made at once. An RSA signature costs most of a millisecond of a core, so a
// burst of notifications would otherwise starve the merchants' requests, and the shop would look slow. Notifications
// leave one core to the answers, where there are several.
type signers struct{ all, notices chan struct{} }

func newSigners() signers {
	cores := runtime.GOMAXPROCS(0)
	return signers{all: make(chan struct{}, cores), notices: make(chan struct{}, max(1, cores-1))}
}

// answer signs an answer to a merchant, and says how long that took, waiting included.
func (s signers) answer(sign func() error) (time.Duration, error) {
	begin := time.Now()
	s.all <- struct{}{}
	defer func() { <-s.all }()
	err := sign()
	return time.Since(begin), err
}

// notification signs a notification.
func (s signers) notification(sign func() error) (time.Duration, error) {
	begin := time.Now()
	s.notices <- struct{}{}
	defer func() { <-s.notices }()
	_, err := s.answer(sign)
	return time.Since(begin), err
}
