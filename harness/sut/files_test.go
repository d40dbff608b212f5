package sut

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
)

// Files are there when the shop begins, nobody else can read them, and they go with the shop.
func TestFiles(t *testing.T) {
	system := shopSystem(map[string]string{"CONFIG": "config/gateway.json"})
	system.Launch.Process.Files = map[string]scenarios.File{
		"config/gateway.json": {Text: `{"key": "{{ channel.key }}", "url": "{{ link "shop->channel" }}"}`},
	}
	shop := start(t, system)
	if err := shop.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	body, err := shop.Shop.(*process).ask(t.Context(), http.MethodGet, "/config")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]string
	if err := json.Unmarshal(body, &got); err != nil || got["key"] != "key" || got["url"] != "http://127.0.0.1:1" {
		t.Fatalf("the shop read %q, %v", body, err)
	}
	path := filepath.Join(shop.runDir, "system", "config", "gateway.json")
	found, err := os.Stat(path)
	if err != nil || found.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", found, err)
	}
	for range 2 {
		if err := shop.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Fatalf("it is still there: %v", err)
	}
}

// What is there already stays as it is, and what was written before it is taken back.
func TestFilesThatAreThere(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "b.conf")
	if err := os.WriteFile(own, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := writeFiles(dir, map[string]scenarios.File{"a.conf": {Text: "x"}, "b.conf": {Text: "x"}}, nil)
	if err == nil || !strings.Contains(err.Error(), "b.conf: there is one already") {
		t.Fatalf("got %v", err)
	}
	if text, err := os.ReadFile(own); err != nil || string(text) != "mine" {
		t.Fatalf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.conf")); !os.IsNotExist(err) {
		t.Fatalf("a.conf is left: %v", err)
	}
}
