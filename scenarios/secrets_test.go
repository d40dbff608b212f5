package scenarios_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
)

const secretSystem = `name: secretive
launch:
  process:
    command: [./shop]
    env: {DATABASE_URL: '{{ env "SHOP_DSN" }}', KEY: '{{ file "key.txt" }}'}
ready: {http: /healthz, within: 1s}
channel: {dialect: standard, callbacks: /callbacks}
configure:
  - login: {post: /login, json: {password: '{{ env "ADMIN" }}'}, capture: {token: token}, ok: {status: 200}}
journeys:
  buy: [{look: {get: "/?key={{ file \"key.txt\" | urlquery }}", ok: {status: 200}}}]
probes:
  orders: {postgres: '{{ env "SHOP_DSN" }}', query: SELECT 1}
`

func loadText(t *testing.T, text string) (*scenarios.System, string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "shop.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	system, err := scenarios.LoadSystem(file, vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	return system, dir
}

func lookUp(in map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, set := in[name]
		return value, set
	}
}

func TestReadSecrets(t *testing.T) {
	t.Parallel()
	system, dir := loadText(t, secretSystem)
	_, err := system.ReadSecrets(lookUp(map[string]string{"ADMIN": "x"}), dir)
	var errs scenarios.Errors
	if !errors.As(err, &errs) || len(errs) != 2 || errs[0].Line != 5 || errs[1].Line != 5 ||
		!strings.Contains(err.Error(), "environment variable SHOP_DSN is not set") || !strings.Contains(err.Error(), "key.txt: no such file") {
		t.Fatalf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.txt"), []byte("marked/key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	secrets, err := system.ReadSecrets(lookUp(map[string]string{"ADMIN": "marked", "SHOP_DSN": "postgres://a:marked@127.0.0.1/"}), dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := scenarios.Expand(`{{ env "ADMIN" }} {{ file "key.txt" }}`, secrets.Values())
	if err != nil || text != "marked marked/key" {
		t.Fatalf("got %q, %v", text, err)
	}
	if _, err := scenarios.Expand(`{{ env "HOME" }}`, secrets.Values()); err == nil {
		t.Fatal("a variable that the file does not name is given away")
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	secrets := scenarios.Secrets{
		Env:   map[string]string{"DSN": "postgres://shop:marked@db/", "PASSWORD": "marked", "SHORT": "db"},
		Files: map[string]string{"key": "a/b+c="},
	}
	failed := fmt.Errorf("open postgres://shop:marked@db/ with a/b+c= as a%%2Fb%%2Bc%%3D at db: marked: %w", os.ErrNotExist)
	told := secrets.Error(failed)
	want := `open {{ env "DSN" }} with {{ file "key" }} as {{ file "key" }} at db: {{ env "PASSWORD" }}: file does not exist`
	if told.Error() != want || !errors.Is(told, os.ErrNotExist) {
		t.Fatalf("got %q\nwant %q", told, want)
	}
	if secrets.Error(nil) != nil {
		t.Fatal("an error was made of none")
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	process := func(env string) scenarios.System {
		return scenarios.System{Launch: scenarios.Launch{Process: &scenarios.Process{Env: map[string]string{"X": env}}}}
	}
	probe := func(probe scenarios.Probe) scenarios.System {
		return scenarios.System{Probes: map[string]scenarios.Probe{"orders": probe}}
	}
	for name, test := range map[string]struct {
		system scenarios.System
		want   string // the host that it leads to, or ""
	}{
		"shop":                    {scenarios.System{Launch: scenarios.Launch{External: &scenarios.External{URL: "https://far.example:8443/x"}}}, "far.example"},
		"loopback":                {scenarios.System{Launch: scenarios.Launch{External: &scenarios.External{URL: "http://127.0.0.7:1"}}}, ""},
		"URL of an environment":   {process("jdbc:postgresql://far.example/shop?x=http://localhost:1"), "far.example"},
		"URL with a user":         {process("mysql://shop:p@w@far.example:3306/shop"), "far.example"},
		"link":                    {process(`{{ link "shop->channel" }}/v1`), ""},
		"address":                 {process("http://{{ address }}/"), ""},
		"host in a variable":      {process(`postgres://shop@{{ env "HOST" }}:5432/shop`), "far.example"},
		"no URL":                  {process("far.example"), ""},
		"IPv6":                    {process("http://[2001:db8::1]:80/ http://[::1]/"), "2001:db8::1"},
		"postgres":                {probe(scenarios.Probe{Postgres: "postgres://shop@far.example/shop"}), "far.example"},
		"postgres, second host":   {probe(scenarios.Probe{Postgres: "postgres://shop@127.0.0.1,far.example/shop"}), "far.example"},
		"postgres, keywords":      {probe(scenarios.Probe{Postgres: "host=far.example user=shop"}), "far.example"},
		"postgres, socket":        {probe(scenarios.Probe{Postgres: "host=/run/postgresql user=shop"}), ""},
		"postgres, by a variable": {probe(scenarios.Probe{Postgres: `{{ env "DSN" }}`}), "far.example"},
		"mysql":                   {probe(scenarios.Probe{MySQL: "shop@tcp(far.example:3306)/shop"}), "far.example"},
		"mysql, URL":              {probe(scenarios.Probe{MySQL: "mysql://shop@far.example/shop"}), "far.example"},
		"mysql, socket":           {probe(scenarios.Probe{MySQL: "shop@unix(/run/mysqld.sock)/shop"}), ""},
		"mysql, default":          {probe(scenarios.Probe{MySQL: "shop@/shop"}), ""},
		"pages":                   {probe(scenarios.Probe{HTTP: "http://far.example/orders"}), "far.example"},
		"path":                    {probe(scenarios.Probe{HTTP: "/orders?next=//far.example"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := scenarios.Secrets{Env: map[string]string{"HOST": "far.example", "DSN": "postgres://a:b@far.example/c"}}
			_, err := test.system.Targets(secrets)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want+" is not this machine") {
				t.Fatalf("got %v", err)
			}
			test.system.Allow = []scenarios.Allow{{Host: test.want, Reason: "ours"}}
			targets, err := test.system.Targets(secrets)
			if err != nil || len(targets) != 1 || targets[0] != (scenarios.Target{Host: test.want, Reason: "ours"}) {
				t.Fatalf("got %v, %v", targets, err)
			}
		})
	}
}
