package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/paystorm/paystorm/ports"
)

// A shop that runs already, and was told of its payment provider by whoever started it: the links take the addresses that
// it knows, and the channel its keys. It remembers, so that a second sale of the same item is refused before it begins.
func TestShopThatRunsAlready(t *testing.T) {
	t.Parallel()
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	shop, channel, callbacks := freeAddress(t), freeAddress(t), freeAddress(t)
	dir := t.TempDir()
	startShop(t, dir, "ADDR="+shop, "CHANNEL_URL=http://"+channel, "CALLBACK_URL=http://"+callbacks+"/callbacks/standard",
		"CHANNEL_KEY=sk_known", "CALLBACK_SECRET="+secret, "MERCHANT=m-known", "ORDER_EXPIRY=3s", "QUERY_AFTER=700ms", "REFUND_RETRY=700ms")
	arguments := []string{
		"--set", `system.launch={external: {url: "http://` + shop + `"}}`,
		"--set", `system.links={shop->channel: "` + channel + `", channel->shop: "` + callbacks + `"}`,
		"--set", `system.channel.credentials={key: sk_known, secret: ` + secret + `, merchant: m-known}`,
	}
	for _, table := range []string{"stock", "orders", "payments", "refunds", "grants"} {
		arguments = append(arguments, "--set", "system.probes."+table+".sqlite="+filepath.Join(dir, "shop.db"))
	}
	p := startRun(t, sale(""), arguments...)
	if status := p.exit(t, patience); status != exitPass {
		t.Fatalf("exit status %d", status)
	}
	p = startRun(t, sale(""), arguments...)
	if status := p.exit(t, patience); status != exitEnvironment || !strings.Contains(p.printed(), "the shop has 0 units of phone-x on sale, and the scenario sells 15") {
		t.Fatalf("the second run: exit status %d", status)
	}
	p = startRun(t, sale(""), append(arguments, "--set", "sale.items.0.sku=phone-x-2")...)
	if status := p.exit(t, patience); status != exitPass {
		t.Fatalf("the third run: exit status %d", status)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := ports.Free(t.Context(), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// startShop runs the embedded shop until the test ends, and waits until it is up.
func startShop(t *testing.T, dir string, env ...string) {
	t.Helper()
	shop := exec.CommandContext(context.WithoutCancel(t.Context()), "paystorm", "flashshop")
	shop.Dir, shop.Env = dir, append(os.Environ(), env...)
	if err := shop.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = shop.Process.Signal(syscall.SIGTERM)
		_ = shop.Wait() // it was told to
	})
	address := strings.TrimPrefix(env[0], "ADDR=")
	eventually(t, "the shop is up", func() bool {
		answer, err := http.Get("http://" + address + "/healthz")
		if err != nil {
			return false
		}
		return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	})
}
