package flashshop

import (
	"context"
	"crypto/x509"
	"sync"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/downloader"
)

// platformCertificates are WeChat Pay's, for merchants who do not verify by its public key yet: each names a key, and there is
// another one already when they change. They are downloaded when the first answer is to be verified, and again for a serial
// number that is new.
type platformCertificates struct {
	client *core.Client // verifies nothing: what it fetches is what to verify by
	key    string       // API v3, which they are encrypted with

	mutex sync.Mutex
	known *downloader.CertificateDownloader
}

// certificates are those that are known, fetched anew if there are none, or if they are stale.
func (p *platformCertificates) certificates(ctx context.Context, stale bool) *downloader.CertificateDownloader {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.known != nil && !stale {
		return p.known
	}
	if fresh, err := downloader.NewCertificateDownloaderWithClient(ctx, p.client, p.key); err == nil {
		p.known = fresh
	}
	return p.known
}

// Get is the certificate of a serial number.
func (p *platformCertificates) Get(ctx context.Context, serial string) (*x509.Certificate, bool) {
	for _, stale := range []bool{false, true} {
		if known := p.certificates(ctx, stale); known != nil {
			if found, ok := known.Get(ctx, serial); ok {
				return found, true
			}
		}
	}
	return nil, false
}

// GetAll are all of them, by serial number.
func (p *platformCertificates) GetAll(ctx context.Context) map[string]*x509.Certificate {
	if known := p.certificates(ctx, false); known != nil {
		return known.GetAll(ctx)
	}
	return nil
}

// GetNewestSerial is the serial number of the one that was issued last.
func (p *platformCertificates) GetNewestSerial(ctx context.Context) string {
	if known := p.certificates(ctx, false); known != nil {
		return known.GetNewestSerial(ctx)
	}
	return ""
}
