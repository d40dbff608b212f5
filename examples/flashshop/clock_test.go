package flashshop

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestClockOffset(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text string
		want       time.Duration
	}{
		{"ahead", "+90s\n", 90 * time.Second},
		{"behind", "-5s", -5 * time.Second},
		{"nothing", "", 0},
		{"nonsense", "soon", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "offset")
			if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := clock{file: file}
			if off := time.Until(c.now()).Round(time.Second); off != row.want {
				t.Errorf("off by %v, want %v", off, row.want)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			eventually(t, "right again", func() bool { return time.Until(c.now()).Abs() < time.Second })
		})
	}
}

// A replica whose clock is off neither expires orders early nor leaves its own for ever: the database's clock is everybody's.
func TestReplicaWithAnotherClock(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, text, defect string
		inTime             bool
	}{
		{"ahead", "+90s", "", true},
		{"behind", "-90s", "", true},
		{"set right, with D42", "+90s", "D42", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "offset")
			o := onPostgres(t)
			o.url = o.start(quick, settings{"ORDER_EXPIRY": "3s", "CLOCK_OFFSET_FILE": file, "DEFECTS": row.defect})
			o.channel.shop = o.url
			o.sku("phone-x", stock, 0)
			if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			sleep(t.Context(), 2*clockReadEvery)
			began := time.Now()
			id, _ := o.order()
			if !row.inTime {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				sleep(t.Context(), 5*time.Second)
				o.wantState(id, pending)
				return
			}
			o.becomes(id, closed)
			if took := time.Since(began); took < 2500*time.Millisecond || took > 12*time.Second {
				t.Errorf("the order expired after %v, want 3s", took)
			}
		})
	}
}
