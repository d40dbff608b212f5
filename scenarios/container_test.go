package scenarios_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/paystorm/paystorm/scenarios"
)

func containers(t *testing.T) *scenarios.System {
	t.Helper()
	system, err := scenarios.LoadSystem("testdata/valid/containers-system.yaml", vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	return system
}

func TestContainerReadsEveryKey(t *testing.T) {
	t.Parallel()
	container := containers(t).Launch.Container
	shop, db, worker := container.Services["shop"], container.Services["db"], container.Services["worker"]
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"the shop", container.ShopService(), "shop"},
		{"replicas", container.Nodes("shop"), []string{"shop-1", "shop-2"}},
		{"one container", container.Nodes("db"), []string{"db"}},
		{"ports of the shop", container.Ports("shop"), []int{8080}},
		{"ports that are dialled", container.Ports("db"), []int{5432}},
		{"the port that shows readiness", container.Ports("worker"), []int{9000}},
		{"cpus", shop.CPUs, 0.5},
		{"memory", shop.Memory, scenarios.Size(256 << 20)},
		{"dials", shop.Dials, map[string]int{"db": 5432, "cache": 6379}},
		{"order", shop.DependsOn, []string{"db", "cache"}},
		{"clock", shop.Clock, "/etc/faketimerc"},
		{"tmpfs", db.Tmpfs, map[string]scenarios.Size{"/var/lib/postgresql/data": 128 << 20}},
		{"ready", *db.Ready, scenarios.Readiness{
			Exec: []string{"pg_isready", "-U", "shop", "-h", "127.0.0.1"}, Within: scenarios.Duration(20 * time.Second),
		}},
		{"acts", container.Services["cache"].Acts, map[string][]string{"flush": {"redis-cli", "flushall"}}},
		{"build", *worker.Build, scenarios.Build{
			Context: "worker", Dockerfile: "Dockerfile.worker", Args: map[string]string{"BASE": `{{ env "BASE" "debian:12" }}`},
		}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %+v, want %+v", check.name, check.got, check.want)
		}
	}
}

func TestContainerSurvivesThePlan(t *testing.T) {
	t.Parallel()
	before := containers(t).Launch
	written, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	var after scenarios.Launch
	if err := json.Unmarshal(written, &after); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("got %+v, want %+v", after.Container, before.Container)
	}
}

// TestDefaultsOfVariablesAreNoSecrets: an image's name from the environment must be readable in the error about it.
func TestDefaultsOfVariablesAreNoSecrets(t *testing.T) {
	t.Parallel()
	secrets, err := containers(t).ReadSecrets(lookUp(map[string]string{"SHOP_IMAGE": "registry/shop:9"}), "")
	if err != nil {
		t.Fatal(err)
	}
	values := secrets.Values()
	image, err := scenarios.Expand(`{{ env "SHOP_IMAGE" "paystorm/flashshop" }}`, values)
	if err != nil || image != "registry/shop:9" {
		t.Errorf("got %q, %v", image, err)
	}
	base, err := scenarios.Expand(`{{ env "BASE" "debian:12" }}`, values)
	if err != nil || base != "debian:12" {
		t.Errorf("got %q, %v", base, err)
	}
	if got := secrets.Redact("no such image: registry/shop:9"); got != "no such image: registry/shop:9" {
		t.Errorf("redacted: %q", got)
	}
	if _, kept := secrets.Env["SHOP_IMAGE"]; kept {
		t.Errorf("got %+v", secrets)
	}
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	system, err := scenarios.LoadSystem("testdata/valid/compose-system.yaml", vocabulary())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]scenarios.Service{
		"web": {
			Build: &scenarios.Build{Context: "compose/web", Dockerfile: "Dockerfile", Args: map[string]string{"BASE": "debian:12"}}, Port: 3000, Replicas: 2,
			Environment: map[string]string{"PGHOST": `{{ tcp "web->db" }}`, "MODE": `{{ env "MODE" "sale" }}`, "COST": "$5"},
			Dials:       map[string]int{"db": 5432, "cache": 6379}, DependsOn: []string{"cache", "db"},
			Files: map[string]scenarios.File{"/etc/web.conf": {Text: "listen 3000\n"}},
		},
		"db": {
			Image: `{{ env "PAYSTORM_POSTGRES" "postgres:17-alpine" }}`, Command: []string{"postgres", "-c", "max_connections=200"},
			Environment: map[string]string{"POSTGRES_PASSWORD": `{{ env "DB_PASSWORD" }}`}, CPUs: 0.5, Memory: 256 << 20,
			Ready: &scenarios.Readiness{Exec: []string{"/bin/sh", "-c", "pg_isready -U shop"}, Within: scenarios.Duration(25 * time.Second)},
		},
		"cache": {Image: "redis:7-alpine", Ready: &scenarios.Readiness{Exec: []string{"redis-cli", "ping"}}},
	}
	for name, service := range want {
		if got := system.Launch.Container.Services[name]; !reflect.DeepEqual(got, service) {
			t.Errorf("%s: got %+v\nwant %+v", name, got, service)
		}
	}
	if got := len(system.Launch.Container.Services); got != len(want) {
		t.Errorf("%d services", got)
	}
}
