//go:build sdk

package sdktest_test

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/dice"
	"github.com/paystorm/paystorm/history"
	"github.com/paystorm/paystorm/mockchannel"
)

// scriptTimeout bounds one Node script, so that an SDK that waits for ever is a failure and not a hang.
const scriptTimeout = 2 * time.Minute

// served is a channel on a socket of its own.
type served struct {
	channel  *mockchannel.Channel
	merchant mockchannel.Merchant
	url      string
}

// serve runs a channel that speaks the dialect until the test ends, with one merchant. change, if it is not nil, makes it
// another one than the plainest.
func serve(t *testing.T, dialect mockchannel.Dialect, change func(*mockchannel.Config)) served {
	t.Helper()
	merchant, err := dialect.Issue("m-paystorm", nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	config := mockchannel.Config{
		Clock: history.StartClock(), Record: func(history.Event) uint64 { return 0 }, Dice: dice.New(1),
		Merchants: []mockchannel.Merchant{merchant}, Dialect: dialect, PayURL: url + "/pay",
	}
	if change != nil {
		change(&config)
	}
	channel := mockchannel.New(config)
	server.Config.Handler = channel.Handler()
	server.Start()
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	var group errgroup.Group
	group.Go(func() error { return channel.Run(ctx) })
	t.Cleanup(func() {
		if err := channel.Balanced(); err != nil {
			t.Error(err)
		}
		end()
		server.Close()
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
	return served{channel, merchant, url}
}

// node runs a script of node/ by Node's own test runner. The script finds the channel in CHANNEL_URL and a credential
// such as "key" in CHANNEL_KEY; more is added to that.
func (s served) node(t *testing.T, script string, more map[string]string) {
	t.Helper()
	if _, err := os.Stat("node/node_modules"); err != nil {
		t.Fatalf("the SDKs are not installed: run `npm ci` in mockchannel/sdktest/node, as make test-sdk does: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=spec", script)
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), "CHANNEL_URL="+s.url)
	for name, value := range s.merchant.Told {
		cmd.Env = append(cmd.Env, "CHANNEL_"+strings.ToUpper(name)+"="+value)
	}
	for name, value := range more {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	t.Logf("%s\n%s", script, out.String())
	if err != nil {
		t.Fatalf("node %s: %v", script, err)
	}
}
