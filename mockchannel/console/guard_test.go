package console_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/paystorm/paystorm/mockchannel"
)

const howToGetIn = "ends in /?token="

func TestWayIn(t *testing.T) {
	w := newWorld(t)
	id := w.create("o1")
	cookie := "paystorm_" + w.server.URL[strings.LastIndex(w.server.URL, ":")+1:]
	token := strings.TrimPrefix(w.console.Path(), "/?token=")
	stranger := &http.Client{Transport: w.browser.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	for name, test := range map[string]struct {
		method, path string
		headers      []string
		status       int
		says         string
	}{
		"no token":             {"GET", "/", nil, 403, howToGetIn},
		"wrong token":          {"GET", "/?token=guess", nil, 403, "not the token of this channel"},
		"no token, a payment":  {"GET", pageOf(id), nil, 403, howToGetIn},
		"no token, the style":  {"GET", "/console/style.css", nil, 403, howToGetIn},
		"no token, an act":     {"POST", pageOf(id), nil, 403, howToGetIn},
		"a wrong cookie":       {"GET", "/", []string{"Cookie", cookie + "=guess"}, 403, howToGetIn},
		"the right cookie":     {"GET", "/", []string{"Cookie", cookie + "=" + token}, 200, "o1"},
		"the token in an act":  {"POST", pageOf(id) + w.console.Path()[1:], nil, 403, howToGetIn},
		"a provider's name":    {"GET", "/" + w.console.Path()[1:], []string{"Host", "api.provider.example"}, 404, "not_found"},
		"a name, the console":  {"GET", pageOf(id), []string{"Host", "api.provider.example:443"}, 404, "not_found"},
		"the merchant's":       {"GET", "/v1/bill", nil, 401, "unauthorized"},
		"the payer's is open":  {"GET", "/pay/" + id, nil, 200, "10.00 CNY"},
		"the right token":      {"GET", w.console.Path(), nil, 303, ""},
		"the token at a place": {"GET", pageOf(id) + w.console.Path()[1:] + "&x=1", nil, 303, ""},
	} {
		a := w.do(stranger, test.method, test.path, "act=pay", append([]string{"Content-Type", "application/x-www-form-urlencoded"}, test.headers...)...)
		if a.status != test.status || !strings.Contains(a.body, test.says) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if p, _ := w.channel.Find(id); p.State != mockchannel.Created {
		t.Errorf("a stranger has made it %s", p.State)
	}
}

func TestTokenBecomesACookie(t *testing.T) {
	w := newWorld(t)
	stranger := &http.Client{Transport: w.browser.Transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	a := w.do(stranger, http.MethodGet, w.console.Path()+"&find=o1", "")
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s: %s", want, cookie)
		}
	}
	if where := a.header.Get("Location"); where != "/?find=o1" {
		t.Errorf("sent on to %q", where)
	}
	other := newWorld(t)
	if other.console.Path() == w.console.Path() {
		t.Error("two channels have one token")
	}
}

func TestActsComeFromThePage(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		headers []string
		status  int
	}{
		"another site":                   {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another port of this host":      {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"another origin, an old browser": {[]string{"Origin", "http://127.0.0.1:1"}, 403},
		"no origin that could be told":   {[]string{"Origin", "null"}, 403},
		"the page":                       {[]string{"Sec-Fetch-Site", "same-origin", "Origin", w.server.URL}, 200},
		"the page, an old browser":       {[]string{"Origin", w.server.URL}, 200},
		"no browser":                     {nil, 200},
	} {
		id := w.create(name)
		a := w.do(w.browser, http.MethodPost, pageOf(id), "act=abandon",
			append([]string{"Content-Type", "application/x-www-form-urlencoded"}, test.headers...)...)
		if a.status != test.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if p, _ := w.channel.Find(id); (p.State == mockchannel.Created) != (test.status == 403) {
			t.Errorf("%s has made it %s", name, p.State)
		}
	}
}

func TestOtherMachines(t *testing.T) {
	w := newWorld(t)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+w.console.Path(), nil)
	request.RemoteAddr = "192.0.2.7:4711"
	recorder := httptest.NewRecorder()
	w.console.Handler(w.channel).ServeHTTP(recorder, request)
	if recorder.Code != http.StatusForbidden || !strings.Contains(recorder.Body.String(), "only for the machine") {
		t.Errorf("from another machine: %d %s", recorder.Code, recorder.Body)
	}
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	id := w.create("o1")
	for _, path := range []string{"/", pageOf(id), pageOf("none"), "/console/style.css"} {
		a := w.get(path)
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
			"Referrer-Policy": "same-origin",
		} {
			if !strings.Contains(a.header.Get(name), want) {
				t.Errorf("%s: %s is %q", path, name, a.header.Get(name))
			}
		}
	}
	if a := w.get(pageOf("none")); a.status != http.StatusNotFound {
		t.Errorf("no such payment: %d", a.status)
	}
}
