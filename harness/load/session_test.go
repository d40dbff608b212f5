package load

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/paystorm/paystorm/scenarios"
)

// wardrobe is a shop that knows its visitors by a cookie, a bearer token and a number in a header, all of which it gives
// out at login, and notes who asked for what.
type wardrobe struct {
	mutex    sync.Mutex
	visitors int
	asked    []string
}

func (w *wardrobe) login(out http.ResponseWriter, _ *http.Request) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.visitors++
	http.SetCookie(out, &http.Cookie{Name: "sid", Value: fmt.Sprintf("s%d", w.visitors), Path: "/"})
	out.Header().Set("X-Visit", fmt.Sprintf("v%d", w.visitors))
	fmt.Fprintf(out, `{"token": "t%d"}`, w.visitors)
}

func (w *wardrobe) note(next http.HandlerFunc) http.HandlerFunc {
	return func(out http.ResponseWriter, r *http.Request) {
		sid := "none"
		if cookie, err := r.Cookie("sid"); err == nil {
			sid = cookie.Value
		}
		w.mutex.Lock()
		w.asked = append(w.asked, fmt.Sprintf("%s %s %s %s", r.Method, sid, r.Header.Get("Authorization"), r.Header.Get("X-Told")))
		w.mutex.Unlock()
		next(out, r)
	}
}

// visiting makes buyers log in and order; change may change the steps login, order, login, order.
func (w *wardrobe) visiting(m *market, cookies bool, change func([]scenarios.Step)) *Runner {
	m.routes["POST /login"] = w.login
	m.routes["POST /orders"] = w.note(m.order)
	m.routes["POST /pay/{payment}"] = w.note(m.pay)
	return m.runner("buy", Payer{}, func(p *scenarios.Plan) {
		login := scenarios.Step{
			Name: "login", Post: "/login", OK: scenarios.Match{Status: []int{200}},
			Capture: map[string]string{"token": "token", "visit": "header X-Visit", "session": "cookie sid"},
		}
		order := p.System.Journeys["buy"][0]
		order.Header = map[string]string{"Authorization": "Bearer {{ token }}", "X-Told": "{{ visit }}/{{ session }}"}
		steps := []scenarios.Step{login, order, p.System.Journeys["buy"][1], order}
		change(steps)
		p.System.Journeys["buy"], p.System.Cookies = steps, cookies
	})
}

func TestSessions(t *testing.T) {
	for _, c := range []struct {
		name    string
		cookies bool
		change  func([]scenarios.Step)
		want    []string
	}{
		{
			"kept from order to order", true, func([]scenarios.Step) {},
			[]string{"POST s1 Bearer t1 v1/s1", "POST none  ", "POST s1 Bearer t1 v1/s1"},
		},
		{
			"without cookies", false, func([]scenarios.Step) {},
			[]string{"POST none Bearer t1 v1/s1", "POST none  ", "POST none Bearer t1 v1/s1"},
		},
		{
			"anew for each order", true, func(steps []scenarios.Step) { steps[2] = steps[0]; steps[2].Fresh = true },
			[]string{"POST s1 Bearer t1 v1/s1", "POST s2 Bearer t2 v2/s2"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, w := newMarket(t), &wardrobe{}
			if err := w.visiting(m, c.cookies, c.change).Buy(t.Context(), 1, 1); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(w.asked, c.want) {
				t.Errorf("asked %q, want %q; ended %s", w.asked, c.want, m.notes.ended(t))
			}
		})
	}
}

// Whoever begins anew knows nothing of before.
func TestAFreshVisitorForgets(t *testing.T) {
	m, w := newMarket(t), &wardrobe{}
	r := w.visiting(m, true, func(steps []scenarios.Step) { steps[3].Fresh = true })
	if err := r.Buy(t.Context(), 1, 1); err != nil {
		t.Fatal(err)
	}
	if why := m.notes.ended(t); !strings.Contains(why, `"token" has no value`) && !strings.Contains(why, `"visit" has no value`) {
		t.Errorf("ended %q", why)
	}
}

// However many buyers there are at once, each is who the shop took it for.
func TestSessionsAreApart(t *testing.T) {
	m, w := newMarket(t), &wardrobe{}
	r := w.visiting(m, true, func([]scenarios.Step) {})
	var group errgroup.Group
	for buyer := range 20 {
		group.Go(func() error { return r.Buy(t.Context(), buyer+1, 1) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	orders := map[string]int{}
	for _, asked := range w.asked {
		var sid, token, told string
		if n, _ := fmt.Sscanf(asked, "POST %s Bearer %s %s", &sid, &token, &told); n == 3 {
			orders[sid]++
			if nth := sid[1:]; token != "t"+nth || told != "v"+nth+"/"+sid {
				t.Errorf("mixed up: %s", asked)
			}
		}
	}
	if len(orders) != 20 || w.visitors != 20 {
		t.Errorf("%d sessions had orders, of %d: %v", len(orders), w.visitors, orders)
	}
}

func TestACaptureThatIsNotThere(t *testing.T) {
	for from, want := range map[string]string{
		"header X-Order": "order unknown status 201 without number in the header X-Order",
		"cookie cart":    "order unknown status 201 without number in the cookie cart",
	} {
		m := newMarket(t)
		r := m.runner("buy", Payer{}, func(p *scenarios.Plan) {
			p.System.Journeys["buy"][0].Capture = map[string]string{"order": "id", "number": from}
		})
		if err := r.Buy(t.Context(), 1, 1); err != nil {
			t.Fatal(err)
		}
		if got := m.notes.told(); !slices.Equal(got, []string{want}) {
			t.Errorf("told %q, want %q", got, want)
		}
	}
}
