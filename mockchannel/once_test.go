package mockchannel

import (
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

func TestOnceForgetsWhatIsOld(t *testing.T) {
	var o once
	at := func(d time.Duration) history.Time { return history.Time(0).Add(d) }
	for _, step := range []struct {
		name   string
		number string
		now    history.Time
		want   bool
	}{
		{"new", "a", at(0), true},
		{"again", "a", at(time.Second), false},
		{"another", "b", at(onceFor - 1), true},
		{"the older generation is known", "b", at(onceFor), false},
		{"as long as it must be", "b", at(2*onceFor - 1), false},
		{"forgotten", "b", at(2 * onceFor), true},
	} {
		if got := o.first(step.number, step.now); got != step.want {
			t.Errorf("%s: got %v", step.name, got)
		}
	}
}
