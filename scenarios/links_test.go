package scenarios_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/paystorm/paystorm/scenarios"
)

func inContainers(replicas int) scenarios.System {
	return scenarios.System{Name: "webshop", Launch: scenarios.Launch{Container: &scenarios.Container{
		Services: map[string]scenarios.Service{
			"web": {Port: 8080, Replicas: replicas, Dials: map[string]int{"db": 5432, "cache": 6379}},
			"db":  {}, "cache": {},
		},
	}}}
}

func inProcess() scenarios.System {
	return scenarios.System{Name: "webshop", Launch: scenarios.Launch{Process: &scenarios.Process{}}}
}

func inProcessThatDials() scenarios.System {
	system := inProcess()
	system.Launch.Process.Dials = map[string]string{"db": "127.0.0.1:5432", "cache": "127.0.0.1:6379"}
	return system
}

func alreadyThere() scenarios.System {
	return scenarios.System{Name: "webshop", Launch: scenarios.Launch{External: &scenarios.External{}}}
}

func alreadyThereAndDials() scenarios.System {
	system := alreadyThere()
	system.Launch.External.Dials = map[string]string{"db": "127.0.0.1:5432"}
	return system
}

func TestLinkNames(t *testing.T) {
	plain := []string{"client->shop", "shop->channel", "channel->shop"}
	for name, test := range map[string]struct {
		system scenarios.System
		want   []string
	}{
		"a process":            {inProcess(), plain},
		"a process that dials": {inProcessThatDials(), append(slices.Clone(plain), "shop->cache", "shop->db")},
		"external":             {alreadyThere(), plain},
		"external that dials":  {alreadyThereAndDials(), append(slices.Clone(plain), "shop->db")},
		"one container":        {inContainers(1), append(slices.Clone(plain), "web->cache", "web->db")},
		"two replicas": {inContainers(2), []string{
			"shop->channel", "web->cache", "web->db",
			"client->shop-1", "shop-1->channel", "channel->shop-1", "client->shop-2", "shop-2->channel", "channel->shop-2",
			"client->shop", "channel->shop", "web-1->cache", "web-1->db", "web-2->cache", "web-2->db",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.system.LinkNames(); !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestBalancersAreOverReplicas(t *testing.T) {
	balancers := map[string][]string{}
	for _, link := range inContainers(2).Network() {
		if len(link.Over) > 0 {
			balancers[link.Name] = link.Over
		}
	}
	want := map[string][]string{
		"client->shop":  {"client->shop-1", "client->shop-2"},
		"channel->shop": {"channel->shop-1", "channel->shop-2"},
	}
	if !reflect.DeepEqual(balancers, want) {
		t.Errorf("got %q, want %q", balancers, want)
	}
	for _, link := range slices.Concat(inContainers(1).Network(), inProcess().Network()) {
		if len(link.Over) > 0 {
			t.Errorf("%s is a balancer, and there is one shop", link.Name)
		}
	}
}

func TestLinkGroups(t *testing.T) {
	plain := []string{"client->shop", "shop->channel", "channel->shop"}
	first := []string{"client->shop-1", "shop-1->channel", "channel->shop-1", "web-1->cache", "web-1->db"}
	both := []string{
		"client->shop-1", "shop-1->channel", "channel->shop-1", "client->shop-2", "shop-2->channel", "channel->shop-2",
		"web-1->cache", "web-1->db", "web-2->cache", "web-2->db",
	}
	for name, test := range map[string]struct {
		system scenarios.System
		want   map[string][]string
	}{
		"a process": {inProcess(), map[string][]string{"webshop": plain, "shop": plain}},
		"a process that dials": {inProcessThatDials(), map[string][]string{
			"webshop": append(slices.Clone(plain), "shop->cache", "shop->db"), "shop": append(slices.Clone(plain), "shop->cache", "shop->db"),
			"db": {"shop->db"}, "cache": {"shop->cache"},
		}},
		"external": {alreadyThere(), map[string][]string{"shop": plain}},
		"two replicas": {inContainers(2), map[string][]string{
			"shop->channel": {"shop-1->channel", "shop-2->channel"},
			"web->db":       {"web-1->db", "web-2->db"},
			"web->cache":    {"web-1->cache", "web-2->cache"},
			"db":            {"web-1->db", "web-2->db"},
			"cache":         {"web-1->cache", "web-2->cache"},
			"web-1":         first,
			"web-2":         {"client->shop-2", "shop-2->channel", "channel->shop-2", "web-2->cache", "web-2->db"},
			"web":           both,
			"shop":          both,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.system.LinkGroups(); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestNodes(t *testing.T) {
	for name, test := range map[string]struct {
		system scenarios.System
		names  []string
		means  map[string][]string // each name, and the nodes that it means
	}{
		"a process":    {inProcess(), []string{"webshop"}, map[string][]string{"": {"webshop"}, "webshop": {"webshop"}, "web": nil}},
		"external":     {alreadyThere(), nil, map[string][]string{"": nil, "webshop": nil}},
		"one replica":  {inContainers(1), []string{"cache", "db", "web"}, map[string][]string{"": {"web"}, "db": {"db"}, "web-1": nil}},
		"two replicas": {inContainers(2), []string{"cache", "db", "web", "web-1", "web-2"}, map[string][]string{"": {"web-1", "web-2"}, "web": {"web-1", "web-2"}, "web-2": {"web-2"}, "web-3": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := test.system.NodeNames(); !slices.Equal(got, test.names) {
				t.Errorf("names %q, want %q", got, test.names)
			}
			for name, want := range test.means {
				if got := test.system.Nodes(name); !slices.Equal(got, want) {
					t.Errorf("%q means %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestServiceOfANode(t *testing.T) {
	if port := inContainers(2).Service("web-2").Port; port != 8080 {
		t.Errorf("the service of web-2 listens on %d, want 8080", port)
	}
	for _, system := range []scenarios.System{inContainers(2), inProcess()} {
		if service := system.Service("webshop"); service.Port != 0 {
			t.Errorf("there is a service of webshop: %+v", service)
		}
	}
}
