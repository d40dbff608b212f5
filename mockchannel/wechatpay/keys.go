package wechatpay

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/fnv"
	"math/big"
	"strings"
	"time"

	"github.com/paystorm/paystorm/mockchannel"
)

const (
	keyBits       = 2048
	apiV3KeyBytes = 32
	certificateIs = 5 * 365 * 24 * time.Hour // how long a platform certificate is valid
)

// keys are what a merchant and WeChat Pay know of each other. They never change.
type keys struct {
	mchid, appid string
	serial       string         // of the merchant's certificate
	merchant     *rsa.PublicKey // of it, which verifies the merchant's requests
	apiV3        cipher.AEAD    // seals what only the merchant may read
	publicKey    pair           // of public-key mode
	certificates [2]certificate // of certificate mode: the one in force, and the one that follows it
}

// pair is one of the provider's key pairs, and the name by which merchants know it.
type pair struct {
	serial string
	key    *rsa.PrivateKey
}

// certificate is a platform certificate.
type certificate struct {
	pair
	pem         string
	from, until time.Time // of its validity
}

// The names of the credentials.
const (
	credentialMchID       = "mchid"
	credentialAppID       = "appid"
	credentialSerial      = "serial_no"
	credentialPrivateKey  = "merchant_private_key"
	credentialAPIv3Key    = "api_v3_key"
	credentialPublicKeyID = "public_key_id"
	credentialPublicKey   = "public_key"
	credentialCertificate = "platform_cert"
)

// Credentials are the merchant's numbers and keys, and those of the provider's that it verifies with.
func (dialect) Credentials() []string {
	return []string{
		credentialMchID, credentialAppID, credentialSerial, credentialPrivateKey, credentialAPIv3Key, credentialPublicKeyID,
		credentialPublicKey, credentialCertificate,
	}
}

// Issue takes all of them or makes them. Of the provider's two keys it takes the private half, since the merchant is told
// the public one.
func (dialect) Issue(id string, given map[string]string) (mockchannel.Merchant, error) {
	told := map[string]string{
		credentialMchID:       cmp.Or(given[credentialMchID], mchidOf(id)),
		credentialAppID:       cmp.Or(given[credentialAppID], "wx"+hex.EncodeToString(fresh(8))),
		credentialSerial:      cmp.Or(given[credentialSerial], strings.ToUpper(hex.EncodeToString(fresh(20)))),
		credentialAPIv3Key:    cmp.Or(given[credentialAPIv3Key], hex.EncodeToString(fresh(apiV3KeyBytes/2))),
		credentialPublicKeyID: cmp.Or(given[credentialPublicKeyID], "PUB_KEY_ID_"+hex.EncodeToString(fresh(16))),
	}
	k := &keys{mchid: told[credentialMchID], appid: told[credentialAppID], serial: told[credentialSerial]}
	var err error
	if k.apiV3, err = newAEAD(told[credentialAPIv3Key]); err != nil {
		return mockchannel.Merchant{}, err
	}
	own, err := privateKey(credentialPrivateKey, given)
	if err != nil {
		return mockchannel.Merchant{}, err
	}
	k.merchant = &own.PublicKey
	k.publicKey.serial = told[credentialPublicKeyID]
	if k.publicKey.key, err = privateKey(credentialPublicKey, given); err != nil {
		return mockchannel.Merchant{}, err
	}
	for i := range k.certificates {
		key, err := privateKey(credentialCertificate, given)
		if err != nil {
			return mockchannel.Merchant{}, err
		}
		if k.certificates[i], err = issueCertificate(key, time.Now()); err != nil {
			return mockchannel.Merchant{}, err
		}
		given = nil // the second has a key of its own
	}
	if told[credentialPrivateKey], err = encodePrivate(own); err != nil {
		return mockchannel.Merchant{}, err
	}
	if told[credentialPublicKey], err = encodePublic(&k.publicKey.key.PublicKey); err != nil {
		return mockchannel.Merchant{}, err
	}
	told[credentialCertificate] = k.certificates[0].pem
	return mockchannel.Merchant{ID: id, APIKey: k.mchid, Keys: k, Told: told}, nil
}

// signer is the pair that signs for a merchant who has asked for the public key, or else the platform certificate in
// force, or the one that follows it.
func (k *keys) signer(publicKey, next bool) (signer pair, rotated bool) {
	switch {
	case publicKey:
		return k.publicKey, false
	case next:
		return k.certificates[1].pair, true
	default:
		return k.certificates[0].pair, false
	}
}

// keysOf are a merchant's keys.
func keysOf(merchant mockchannel.Merchant) (*keys, error) {
	k, ok := merchant.Keys.(*keys)
	if !ok {
		return nil, fmt.Errorf("merchant %s has no keys of this dialect", merchant.ID)
	}
	return k, nil
}

// mchidOf is a merchant number like a real one, always the same for the same merchant.
func mchidOf(id string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id)) // never fails
	return fmt.Sprintf("19%08d", hash.Sum32()%100_000_000)
}

func newAEAD(key string) (cipher.AEAD, error) {
	if len(key) != apiV3KeyBytes {
		return nil, fmt.Errorf("%s: %d bytes, want %d", credentialAPIv3Key, len(key), apiV3KeyBytes)
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", credentialAPIv3Key, err)
	}
	return cipher.NewGCM(block)
}

// privateKey is the RSA key that was given, in PEM, or a fresh one.
func privateKey(name string, given map[string]string) (*rsa.PrivateKey, error) {
	if given[name] == "" {
		return rsa.GenerateKey(rand.Reader, keyBits)
	}
	block, _ := pem.Decode([]byte(given[name]))
	if block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return nil, fmt.Errorf("%s: want a PRIVATE KEY in PEM, of which the shop is told what it needs", name)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, errors.New("want an RSA key"))
	}
	return key, nil
}

func issueCertificate(key *rsa.PrivateKey, now time.Time) (certificate, error) {
	number := fresh(20)
	number[0] = number[0]&0x3f | 0x40 // positive, and 40 digits long
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(number),
		Subject:      pkix.Name{Organization: []string{"Tenpay.com"}, CommonName: "Tenpay.com sign, a mock of it"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(certificateIs),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return certificate{}, fmt.Errorf("issue a platform certificate: %w", err)
	}
	return certificate{
		pair: pair{serial: strings.ToUpper(hex.EncodeToString(number)), key: key},
		pem:  encodePEM("CERTIFICATE", der),
		from: template.NotBefore, until: template.NotAfter,
	}, nil
}

func encodePrivate(key *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return encodePEM("PRIVATE KEY", der), err
}

func encodePublic(key *rsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return encodePEM("PUBLIC KEY", der), err
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func fresh(bytes int) []byte {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the program first
	return random
}
