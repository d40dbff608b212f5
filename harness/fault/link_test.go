package fault

import (
	"reflect"
	"testing"

	"github.com/paystorm/paystorm/harness/link"
)

func TestToxics(t *testing.T) {
	down := link.Downstream
	tests := []struct {
		kind, params string
		want         link.Toxic
	}{
		{"slow-link", `{"link":"client->shop","direction":"downstream","latency":"80ms","jitter":"1500us"}`, link.Toxic{
			Link: "client->shop", Direction: down, Type: "latency", Attributes: map[string]any{"latency": int64(80), "jitter": int64(2)},
		}},
		{"cut-link", `{"link":"shop->channel"}`, link.Toxic{Link: "shop->channel", Type: "down"}},
		{"reset-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "reset_peer", Attributes: map[string]any{"timeout": int64(0)},
		}},
		{"timeout-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "timeout", Attributes: map[string]any{"timeout": int64(0)},
		}},
		{"throttle-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "bandwidth", Attributes: map[string]any{"rate": int64(16)},
		}},
		{"slice-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "slicer",
			Attributes: map[string]any{"average_size": int64(64), "size_variation": int64(32), "delay": int64(1000)},
		}},
		{"limit-link", slowDown, link.Toxic{
			Link: "shop->channel", Direction: down, Type: "limit_data", Attributes: map[string]any{"bytes": int64(256)},
		}},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			_, params, err := plan(fault1(test.kind, test.params), dice0)
			if err != nil {
				t.Fatal(err)
			}
			if got := params.(Toxic).Toxic(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}
