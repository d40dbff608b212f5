package link

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/paystorm/paystorm/history"
)

const (
	latencyRounds   = 15
	latencyRequests = 1000 // in a round, each way
	addedWanted     = 300 * time.Microsecond
)

// BenchmarkAddedLatency holds requests through a link without faults against the same requests past it, in turns. The
// figure is the median of what the rounds' p50 differ by. It is missed if three quarters of the rounds miss it: a busy
// machine spoils some of them, and no more.
func BenchmarkAddedLatency(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"state": "paid"}`)
	}))
	defer server.Close()
	links, err := Start(b.Context(), Config{Record: func(history.Event) {}, Links: []Spec{{Name: linkName}}})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		server.CloseClientConnections()
		if err := links.Close(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	}()
	if err := links.Connect(linkName, server.Listener.Addr().String()); err != nil {
		b.Fatal(err)
	}
	var direct, through, added []time.Duration
	for range latencyRounds {
		direct = append(direct, median(b, server.URL))
		through = append(through, median(b, "http://"+links.Addr(linkName)))
		added = append(added, through[len(through)-1]-direct[len(direct)-1])
	}
	for _, figures := range [][]time.Duration{direct, through, added} {
		slices.Sort(figures)
	}
	const half, best = latencyRounds / 2, latencyRounds / 4
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	b.ReportMetric(ms(direct[half]), "direct-p50-ms")
	b.ReportMetric(ms(through[half]), "link-p50-ms")
	b.ReportMetric(ms(added[half]), "added-p50-ms")
	b.ReportMetric(0, "ns/op")
	if added[best] > addedWanted {
		b.Fatalf("a link without faults adds %s at p50, want at most %s; rounds: %s", added[half], addedWanted, added)
	}
}

// median asks again and again over one connection.
func median(b *testing.B, url string) time.Duration {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	took := make([]time.Duration, latencyRequests)
	for n := range took {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		response, err := client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
		took[n] = time.Since(began)
	}
	slices.Sort(took)
	return took[len(took)/2]
}
