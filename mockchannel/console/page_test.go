package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/paystorm/paystorm/mockchannel"
)

func TestOverview(t *testing.T) {
	w := newWorld(t)
	w.wantShown(w.get("/"), "None yet. Let your shop create one.", "dialect <strong>standard</strong>", "m-1",
		"lose-callbacks: {share: &lt;b&gt;30%&lt;/b&gt;}", "Nothing: no retry")
	w.reply = func(rw http.ResponseWriter) {
		rw.Header().Set("X-Shop", "green")
		rw.WriteHeader(http.StatusBadGateway)
		_, _ = rw.Write([]byte(`{"mood":"bad"}`))
	}
	id := w.paid("o-17")
	if _, err := w.channel.GiveBack(id, 250, ""); err != nil {
		t.Fatal(err)
	}
	w.settled()
	page := w.get("/")
	w.wantShown(page, id, "o-17", "10.00 CNY", "2.50 CNY", "payment.succeeded", "refund.succeeded", "refused (502)",
		"502, not acknowledged", "502 Bad Gateway", "X-Shop: green", "&#34;mood&#34;: &#34;bad&#34;", "Webhook-Signature: v1,",
		"POST "+w.shop.URL+"/callback", "retry: payment.succeeded", "in 1h0m0s", "by the provider")
	w.wantHidden(page, "<script")
	w.wantShown(w.get("/?refresh=2"), `http-equiv="refresh" content="2"`)
	w.wantHidden(page, `http-equiv="refresh"`)
}

func TestBrokenDeliveries(t *testing.T) {
	w := newWorld(t, func(c *mockchannel.Config) { c.AttemptTimeout = 30 * time.Millisecond })
	release := make(chan struct{})
	defer close(release)
	w.reply = func(http.ResponseWriter) { <-release }
	slow := w.create("slow")
	if _, err := w.channel.Pay(slow, "", 0); err != nil {
		t.Fatal(err)
	}
	w.eventually("the attempt is on its way", func() bool { return strings.Contains(w.get(pageOf(slow)).body, "no answer yet") || w.received() != "" })
	w.settled()
	page := w.get(pageOf(slow))
	w.wantShown(page, "timeout", "There was none.")
	w.wantHidden(page, "no answer yet")
}

// The story of a payment has what the ledger, the merchant and the couriers did, in the order of time.
func TestStory(t *testing.T) {
	w := newWorld(t)
	id := w.create("o1")
	w.click(id, url.Values{"act": {"decline"}})
	w.settled()
	w.merchantAsks(http.MethodGet, "/v1/payments/"+id, "", "")
	w.click(id, url.Values{"act": {"pay"}})
	w.settled()
	w.merchantAsks(http.MethodPost, "/v1/refunds", fmt.Sprintf(`{"payment":%q,"refund_no":"r1","amount_minor":5000}`, id), "k")
	page := w.get(pageOf(id))
	story := page.body[strings.Index(page.body, "The story"):]
	at := 0
	for _, want := range []string{
		"create POST /v1/payments", "201 Created", "Payment created", "decline", "Attempt declined", "payment.failed, attempt 1",
		"200, acknowledged", "query GET /v1/payments/" + id, "pay", "Paid", "payment.succeeded, attempt 1",
		"refund POST /v1/refunds", "409 Conflict, refund_exceeds_capture", "&#34;refund_no&#34;: &#34;r1&#34;",
	} {
		next := strings.Index(story[at:], want)
		if next < 0 {
			t.Fatalf("%q is not told after what came before it:\n%s", want, story)
		}
		at += next
	}
}

func TestRequestsAboutNoPayment(t *testing.T) {
	w := newWorld(t)
	w.do(http.DefaultClient, http.MethodGet, "/v1/bill", "", "Authorization", "Bearer sk_of_somebody_else_entirely")
	w.merchantAsks(http.MethodPost, "/v1/payments", `{"order":`, "k")
	page := w.get("/")
	w.wantShown(page, "401 Unauthorized, unauthorized", "400 Bad Request, invalid_request", "{&#34;order&#34;:", "Bearer sk_of_s…")
	w.wantHidden(page, "sk_of_somebody_else_entirely")
}

// A secret is base64, and has characters that a page, a URL or JSON writes otherwise.
func TestSecretsAreVeiled(t *testing.T) {
	for name, secret := range map[string]string{
		"plain":          "whsec_" + strings.Repeat("aB3d", 8),
		"plus and slash": "whsec_" + strings.Repeat("+/9+", 8),
		"later on":       "whsec_aB3daB3d" + strings.Repeat("/+9+", 6),
	} {
		t.Run(name, func(t *testing.T) { secretIsVeiled(t, secret) })
	}
}

func secretIsVeiled(t *testing.T, secret string) {
	t.Helper()
	w := newWorld(t, func(config *mockchannel.Config) { config.Merchants[0].NotifySecret = secret })
	escaped := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(secret, "/", `\/`)}
	w.reply = func(rw http.ResponseWriter) { _, _ = rw.Write([]byte("my secret is " + strings.Join(escaped, " "))) }
	body := fmt.Sprintf(`{"order":"o1","amount_minor":1000,"currency":"CNY","notify_url":%q,"metadata":{"note":%q}}`,
		w.shop.URL+"/callback?"+url.Values{"s": {secret}}.Encode(), w.merchant.APIKey)
	w.merchantAsks(http.MethodPost, "/v1/payments", body, "k")
	id := w.channel.Dossiers()[0].Payment.ID
	if _, err := w.channel.Pay(id, "", 0); err != nil {
		t.Fatal(err)
	}
	w.settled()
	for _, path := range []string{"/", pageOf(id)} {
		page := w.get(path)
		page.body = html.UnescapeString(page.body) // as a browser shows it
		w.wantHidden(page, append(escaped, w.merchant.APIKey)...)
		w.wantShown(page, secret[:7]+"…")
	}
}

func TestHostileTexts(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`
	w := newWorld(t)
	w.reply = func(rw http.ResponseWriter) {
		rw.Header().Set("X-Evil", evil)
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusTeapot)
		_, _ = rw.Write([]byte(evil + "\xff"))
	}
	body := fmt.Sprintf(`{"order":%q,"amount_minor":1000,"currency":"CNY","notify_url":%q,"metadata":{%q:%q}}`,
		evil, w.shop.URL+"/?"+url.QueryEscape(evil), evil, evil)
	if made := w.merchantAsks(http.MethodPost, "/v1/payments", body, "k"+evil); made.status != http.StatusCreated {
		t.Fatalf("create: %d %s", made.status, made.body)
	}
	id := w.channel.Dossiers()[0].Payment.ID
	if _, err := w.channel.Pay(id, "", 0); err != nil {
		t.Fatal(err)
	}
	w.settled()
	w.merchantAsks(http.MethodPost, "/v1/refunds", fmt.Sprintf(`{"payment":%q,"refund_no":%q,"amount_minor":5}`, id, evil), "r")
	w.settled()
	w.merchantAsks(http.MethodGet, "/v1/"+url.PathEscape(evil), "", evil)
	for _, path := range []string{"/", pageOf(id), "/?find=" + url.QueryEscape(evil), "/?payments=" + url.QueryEscape(evil) + "&find=" + url.QueryEscape(evil), pageOf(url.PathEscape(evil))} {
		page := w.get(path)
		if found := foreign(page.body); found != "" {
			t.Errorf("%s has %q:\n%s", path, found, page.body)
		}
	}
	w.wantShown(w.get(pageOf(id)), "&lt;script&gt;alert(1)", "418")
	if a := w.click(id, url.Values{"act": {evil}}); foreign(a.body) != "" {
		t.Errorf("an act's name: %s", a.body)
	}
}

// foreign is the first tag of a page that is not one of ours.
func foreign(page string) string {
	ours := strings.Fields("html head meta title link body div h1 h2 h4 span strong code p form input button select option " +
		"section header a ul li table tbody tr th td nav details summary pre time dl dt dd")
	for tokens := html.NewTokenizer(strings.NewReader(page)); ; {
		if tokens.Next() == html.ErrorToken {
			return ""
		}
		token := tokens.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		handles := slices.ContainsFunc(token.Attr, func(a html.Attribute) bool { return strings.HasPrefix(a.Key, "on") })
		if handles || !slices.Contains(ours, token.Data) {
			return token.String()
		}
	}
}

func TestBinaryAnswers(t *testing.T) {
	w := newWorld(t)
	w.reply = func(rw http.ResponseWriter) { _, _ = rw.Write([]byte{0x1f, 0x8b, 0xff, 0x00}) }
	id := w.paid("o1")
	w.wantShown(w.get(pageOf(id)), "4 bytes that are no text", "1f 8b ff 00")
}

func TestPagesAndFilter(t *testing.T) {
	w := newWorld(t)
	const all = 45
	var ids []string
	for i := range all {
		ids = append(ids, w.create(fmt.Sprintf("order-%02d", i)))
	}
	row := regexp.MustCompile(`data-label="Order"><a href="[^"]*">([^<]*)</a>`)
	orders := func(path string) (found []string) {
		for _, match := range row.FindAllStringSubmatch(w.get(path).body, -1) {
			found = append(found, match[1])
		}
		return found
	}
	for path, want := range map[string][3]any{
		"/":                             {20, "order-44", "order-25"},
		"/?payments=2":                  {20, "order-24", "order-05"},
		"/?payments=3":                  {5, "order-04", "order-00"},
		"/?payments=99":                 {5, "order-04", "order-00"},
		"/?payments=-1":                 {20, "order-44", "order-25"},
		"/?payments=x":                  {20, "order-44", "order-25"},
		"/?find=order-1":                {10, "order-19", "order-10"},
		"/?find=" + ids[7]:              {1, "order-07", "order-07"},
		"/?find=+order-07+":             {1, "order-07", "order-07"},
		"/?find=order&payments=3&x=%00": {5, "order-04", "order-00"},
	} {
		got := orders(path)
		if len(got) != want[0] || got[0] != want[1] || got[len(got)-1] != want[2] {
			t.Errorf("%s shows %v, want %v", path, got, want)
		}
	}
	second := w.get("/?find=order&payments=2")
	w.wantShown(second, `href="/?find=order&amp;payments=1#payments"`, `href="/?find=order&amp;payments=3#payments"`, "21–40 of 45")
	w.wantShown(w.get("/?find=nobody"), "None that fits.")
	id := w.paid("last")
	w.paid("very last")
	if notices := w.get("/").body; strings.LastIndex(notices, ">very last<") > strings.LastIndex(notices, ">last<") {
		t.Error("the notification of the very last does not come first")
	}
	dossier, _ := w.channel.Dossier(id)
	if got := orders("/?find=" + dossier.Notifications[0].ID); len(got) != 1 || got[0] != "last" {
		t.Errorf("by a notification: %v", got)
	}
}
