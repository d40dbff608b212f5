//go:build sdk

package sdktest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
	"github.com/paystorm/paystorm/mockchannel/door"
	"github.com/paystorm/paystorm/mockchannel/wechatpay"
)

// behindDoor opens a door to the channel, and says what a process needs to go through it as through a proxy, the
// provider's own address being built into its library.
func (s served) behindDoor(t *testing.T) map[string]string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entrance, err := door.Open(listener, s.channel.Handler(), mockchannel.HostsOf(wechatpay.New()))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- entrance.Serve() }()
	t.Cleanup(func() {
		if err := entrance.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, entrance.CA(), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"HTTPS_PROXY": "http://" + listener.Addr().String(), "https_proxy": "", "NO_PROXY": "", "no_proxy": "",
		"SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca, "CHANNEL_PAY_URL": s.url + "/pay",
	}
}

func TestWechatpayAxiosPlugin(t *testing.T) {
	t.Run("by its base URL", func(t *testing.T) {
		s := serve(t, wechatpay.New(), nil)
		s.node(t, "wechatpay.test.mjs", map[string]string{"CHANNEL_PAY_URL": s.url + "/pay"})
	})
	t.Run("through the door", func(t *testing.T) {
		s := serve(t, wechatpay.New(), nil)
		s.node(t, "wechatpay.test.mjs", s.behindDoor(t))
	})
}

// asShop is set in the environment of the process that plays the shop. It is one of its own, because Go reads the proxy
// and the trusted authorities of the environment once.
const asShop = "PAYSTORM_SDKTEST_WECHATPAY_SHOP"

// TestWechatpayGo lets a shop with the official Go SDK, which has the provider's host built in, go through the door.
func TestWechatpayGo(t *testing.T) {
	if os.Getenv(asShop) != "" {
		playShop(t)
		return
	}
	var rotated atomic.Int64
	s := serve(t, wechatpay.New(), func(c *mockchannel.Config) {
		c.Faults = failAndRotate{}
		c.Record = func(event history.Event) uint64 {
			if event.Kind == history.FaultAffected && event.Fault == "rotated" {
				rotated.Add(1)
			}
			return 0
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
	defer cancel()
	shop := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestWechatpayGo$", "-test.v", "-test.count=1")
	shop.Env = append(os.Environ(), asShop+"=1")
	for name, value := range s.behindDoor(t) {
		shop.Env = append(shop.Env, name+"="+value)
	}
	for name, value := range s.merchant.Told {
		shop.Env = append(shop.Env, "CHANNEL_"+strings.ToUpper(name)+"="+value)
	}
	out, err := shop.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || strings.Count(string(out), "--- PASS: TestWechatpayGo/") != 5 {
		t.Fatalf("the shop: %v", err)
	}
	if got := rotated.Load(); got != 4 { // in certificate mode: a payment and three refunds
		t.Errorf("%d notifications were signed by the second certificate", got)
	}
}

// failAndRotate lets refunds of 500 fen fail in the end, and the second platform certificate sign the notifications.
type failAndRotate struct{ noFaults }

func (failAndRotate) Change(c mockchannel.Change) mockchannel.ChangeFault {
	if c.Kind == mockchannel.ChangeRefund && c.Minor == 500 {
		return mockchannel.ChangeFault{RefundFails: &mockchannel.RefundFails{Fault: "failed", Reason: "account_closed"}}
	}
	return mockchannel.ChangeFault{}
}

func (failAndRotate) Attempt(mockchannel.Notice, int) mockchannel.AttemptFault {
	return mockchannel.AttemptFault{Rotate: &mockchannel.Rotate{Fault: "rotated"}}
}

// noFaults is a world in which nothing goes wrong.
type noFaults struct{}

func (noFaults) Request(mockchannel.Request) mockchannel.RequestFault {
	return mockchannel.RequestFault{}
}

func (noFaults) Change(mockchannel.Change) mockchannel.ChangeFault { return mockchannel.ChangeFault{} }

func (noFaults) Notice(mockchannel.Notice) mockchannel.NoticeFault { return mockchannel.NoticeFault{} }

func (noFaults) Attempt(mockchannel.Notice, int) mockchannel.AttemptFault {
	return mockchannel.AttemptFault{}
}
func (noFaults) Reached(mockchannel.Moment) {}
