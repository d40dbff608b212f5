package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paystorm/paystorm/history"
)

// marks are the secrets of TestNoSecretInARunDirectory. They are in the environment of every test: one that set them for
// itself could not run beside others, and waits for most of its time.
var marks = map[string]string{
	"MARK_KEY":    "marked-key-7f3a+/=",
	"MARK_DSN":    "postgres://shop:marked-password-19c2@127.0.0.1:1/shop?sslmode=disable",
	"MARK_BROKEN": "postgres://shop:marked-password-19c2@[::/shop",
}

// Secrets reach whom they are for, and no file of the run, whatever goes wrong with them.
func TestNoSecretInARunDirectory(t *testing.T) {
	t.Parallel()
	secrets := t.TempDir()
	if err := os.WriteFile(filepath.Join(secrets, "token"), []byte("marked-token-55d0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var heard, books atomic.Int64
	gossip := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // says aloud what it is told
		if r.FormValue("key") == marks["MARK_KEY"] && r.Header.Get("Authorization") == "Bearer marked-token-55d0" {
			heard.Add(1)
		}
		if books.Add(1) == 1 { // before the sale every probe must answer
			fmt.Fprint(w, "[]")
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, r.URL, r.Header, r.FormValue("key"))
	}))
	t.Cleanup(gossip.Close)
	token := `{{ file "` + filepath.Join(secrets, "token") + `" }}`
	header := `{Authorization: 'Bearer ` + token + `'}`
	p := startRun(t, sale(""),
		"--set", "system.launch.process.dir="+t.TempDir(),
		"--set", `system.launch.process.env.SHOP_PASSWORD={{ env "MARK_KEY" }}`,
		"--set", `system.launch.process.files={gateway.conf: {text: 'key {{ channel.key }} and {{ env "MARK_KEY" }}'}}`,
		"--set", `system.configure=[{hello: {get: "/healthz?key={{ env \"MARK_KEY\" | urlquery }}", header: `+header+`, ok: {status: 200}}}]`,
		"--set", `system.jobs=[{name: reconcile, post: "/nowhere?key={{ env \"MARK_KEY\" | urlquery }}", header: `+header+`}]`,
		"--set", `system.journeys.buy.look.get=/orders/{{ order }}?key={{ env "MARK_KEY" | urlquery }}`,
		"--set", `system.journeys.buy.look.header=`+header,
		"--set", `system.probes.inbox={http: "`+gossip.URL+`/books?key={{ env \"MARK_KEY\" | urlquery }}", header: `+header+`}`,
	)
	if status := p.exit(t, patience); status != exitFail { // its job is nowhere, and fails every time
		t.Fatalf("exit status %d", status)
	}
	if heard.Load() == 0 {
		t.Error("the secrets did not reach the probe")
	}
	_, recorded := p.verdict(t)
	looked := 0
	for _, op := range recorded.Ops {
		if op.Kind == "look" && op.Outcome == history.OK && op.Phase == history.PhaseStorm {
			looked++
		}
	}
	if looked == 0 {
		t.Error("the secrets did not reach the load generator")
	}
	last, _ := recorded.Reading(history.ReadingFinal)
	if told := strings.Join(last.Errors, "\n"); !strings.Contains(told, `{{ env "MARK_KEY" }}`) {
		t.Errorf("the errors of the last reading do not say what was left out: %q", told)
	}
	noMarkOf(t, p)
	p = startRun(t, sale(""), "--set", `system.probes.ledger={postgres: '{{ env "MARK_DSN" }}', query: SELECT 1}`)
	if status := p.exit(t, patience); status != exitEnvironment { // nobody is there
		t.Fatalf("exit status %d", status)
	}
	noMarkOf(t, p)
	p = startRun(t, sale(""), "--set", `system.probes.coupons={postgres: '{{ env "MARK_BROKEN" }}', query: SELECT 1}`)
	if status := p.exit(t, patience); status != exitUsage {
		t.Fatalf("exit status %d", status)
	}
	noMark(t, "what was printed of a broken address", []byte(p.printed()))
}

// noMarkOf looks at what a run printed and at every file that it left.
func noMarkOf(t *testing.T, p *program) {
	t.Helper()
	noMark(t, "what was printed", []byte(p.printed()))
	err := filepath.WalkDir(p.dir(t), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		noMark(t, path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func noMark(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, mark := range []string{"marked-key", "marked-password", "marked-token"} {
		if at := bytes.Index(text, []byte(mark)); at >= 0 {
			t.Errorf("%s has %s: …%s…", where, mark, text[max(0, at-80):min(len(text), at+80)])
		}
	}
}
