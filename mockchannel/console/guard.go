package console

import (
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
)

const tokenParameter = "token"

// wayIn tells whoever is turned away how to get in.
const wayIn = "This page is for whoever started the channel: open the address that `paystorm channel` printed when it " +
	"began, the one that ends in /?token=…"

// guard lets in who sits at this machine and has the token: by the address that was printed, which leaves a cookie, or by
// the cookie. What changes something must also come from the page itself.
func (c *Console) guard(pages http.Handler) http.Handler {
	foreign := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromThisMachine(r) {
			turnAway(w, "This page is only for the machine that the channel runs on.")
			return
		}
		if given := r.URL.Query().Get(tokenParameter); given != "" && r.Method == http.MethodGet {
			c.admit(w, r, given)
			return
		}
		if cookie, err := r.Cookie(cookieName(r)); err != nil || !c.isToken(cookie.Value) {
			turnAway(w, wayIn)
			return
		}
		if err := foreign.Check(r); err != nil {
			turnAway(w, "Another site has sent this, so nothing was done. Act on the channel's own page.")
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// admit swaps the token for a cookie, so that it does not stay in the address.
func (c *Console) admit(w http.ResponseWriter, r *http.Request, given string) {
	if !c.isToken(given) {
		turnAway(w, "That is not the token of this channel; each start has one of its own. "+wayIn)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: given, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
	address := *r.URL
	query := address.Query()
	query.Del(tokenParameter)
	address.RawQuery = query.Encode()
	http.Redirect(w, r, address.RequestURI(), http.StatusSeeOther)
}

func (c *Console) isToken(given string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(c.token)) == 1
}

func turnAway(w http.ResponseWriter, why string) {
	secure(w.Header())
	http.Error(w, why, http.StatusForbidden)
}

// cookieName differs by port, because a browser does not tell the ports of one host apart: two channels would take each
// other's place.
func cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		return "paystorm"
	}
	return "paystorm_" + port
}

func fromThisMachine(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

// toThisHost parts requests by the name that they ask for. Under a provider's name, which the channel may be reached by,
// there is only the provider; the page has none but this machine's, so that no other name can be made to lead to it.
func toThisHost(pages, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(r.Host); err == nil {
			host = name
		}
		if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
			pages.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

// secure lets a page load nothing, run nothing, be framed by nobody and be kept by nobody.
func secure(header http.Header) {
	header.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}
