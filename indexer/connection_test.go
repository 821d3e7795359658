package indexer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	randv2 "math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/viewgate/viewgate/event"
	"github.com/viewgate/viewgate/indexer"
)

// authority signs certificates; all of its files are PEM.
type authority struct {
	*testing.T
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	file        string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{T: t}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = writePEM(t, "CERTIFICATE", der)
	return a
}

// sign returns the files of a certificate for 127.0.0.1, or the other name, and its key, valid until an hour from then.
func (a *authority) sign(name string, from time.Time) (certFile, keyFile string) {
	a.Helper()
	key := newKey(a.T)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   from, NotAfter: from.Add(time.Hour),
	}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		a.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	return writePEM(a.T, "CERTIFICATE", der), writePEM(a.T, "PRIVATE KEY", private)
}

// server returns what a broker serves TLS with; it asks for clients' certificates where demand says so.
func (a *authority) server(name string, from time.Time, demand bool) *tls.Config {
	a.Helper()
	pair, err := tls.LoadX509KeyPair(a.sign(name, from))
	if err != nil {
		a.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if demand {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(a.certificate)
	}
	return config
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// startBroker starts a broker in this process and returns its address.
func startBroker(t *testing.T, options ...kfake.Opt) string {
	t.Helper()
	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

const (
	user     = "indexer"
	password = "correct horse"
)

// TestCheck: whoever is let in is, and all others learn within seconds what is wrong and what to do.
func TestCheck(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	now := time.Now().Add(-time.Minute)
	ours := func(demand bool) kfake.Opt { return kfake.TLS(a.server("127.0.0.1", now, demand)) }
	users := []kfake.Opt{
		kfake.EnableSASL(), kfake.Superuser(sarama.SASLTypePlaintext, user, password),
		kfake.Superuser(sarama.SASLTypeSCRAMSHA256, user, password), kfake.Superuser(sarama.SASLTypeSCRAMSHA512, user, password),
	}
	var (
		open    = startBroker(t)
		sasl    = startBroker(t, users...)
		secured = startBroker(t, append(users, ours(false))...)
		mutual  = startBroker(t, ours(true))
		renamed = startBroker(t, kfake.TLS(a.server("kafka.example", now, false)))
		expired = startBroker(t, kfake.TLS(a.server("127.0.0.1", now.Add(-24*time.Hour), false)))
		nobody  = "127.0.0.1:1"
	)
	cert, key := a.sign("client", now)
	strangersCert, strangersKey := stranger.sign("client", now)
	as := func(mechanism, password string) indexer.Connection {
		return indexer.Connection{Mechanism: mechanism, User: user, Password: indexer.Secret(password)}
	}
	trusting := func(c indexer.Connection, file string) indexer.Connection { c.CAFile = file; return c }
	tests := []struct {
		name    string
		brokers []string
		c       indexer.Connection
		want    string // in the error; "": let in
	}{
		{"open", []string{open}, indexer.Connection{}, ""},
		{"one broker is down", []string{nobody, open}, indexer.Connection{}, ""},
		{"nobody", []string{nobody}, indexer.Connection{}, "no broker can be reached"},
		{"the mistake, not the broker that is down", []string{nobody, sasl}, indexer.Connection{}, "without authentication"},
		{"PLAIN", []string{sasl}, as("PLAIN", password), ""},
		{"SCRAM-SHA-256", []string{sasl}, as("SCRAM-SHA-256", password), ""},
		{"SCRAM-SHA-512 over TLS", []string{secured}, trusting(as("SCRAM-SHA-512", password), a.file), ""},
		{"client certificate", []string{mutual}, indexer.Connection{CAFile: a.file, CertFile: cert, KeyFile: key}, ""},
		{"no authentication", []string{sasl}, indexer.Connection{}, "name a SASL mechanism, a user and a password"},
		{"wrong password by PLAIN", []string{sasl}, as("PLAIN", "wrong"), `let user "indexer" in by SASL mechanism PLAIN`},
		{"wrong password over TLS", []string{secured}, trusting(as("SCRAM-SHA-512", "wrong"), a.file),
			"check the user, the password"},
		{"wrong authority", []string{secured}, trusting(as("SCRAM-SHA-512", password), stranger.file),
			"name the file with that authority"},
		{"system's authorities", []string{secured}, indexer.Connection{TLS: true}, "name the file with that authority"},
		{"wrong name", []string{renamed}, indexer.Connection{CAFile: a.file}, "certificate is for another name"},
		{"expired", []string{expired}, indexer.Connection{CAFile: a.file}, "it must be renewed"},
		{"plain to a TLS port", []string{secured}, as("SCRAM-SHA-512", password), "turn TLS on"},
		{"TLS to a plain port", []string{silent(t)}, indexer.Connection{CAFile: a.file}, "is TLS meant to be on for this port"},
		{"no client certificate", []string{mutual}, indexer.Connection{CAFile: a.file}, "name a certificate file and its key"},
		{"a stranger's client certificate", []string{mutual},
			indexer.Connection{CAFile: a.file, CertFile: strangersCert, KeyFile: strangersKey}, "does not accept it"},
		{"no Kafka behind TLS", []string{tlsOnly(t, a.server("127.0.0.1", now, false))}, indexer.Connection{CAFile: a.file},
			"check the address"},
		{"no brokers", nil, indexer.Connection{}, "no broker is named"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config, err := test.c.Config()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err = indexer.Check(ctx, test.brokers, config)
			if test.want == "" {
				if err != nil {
					t.Errorf("Check: %v, want to be let in", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("Check: %v, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), password) {
				t.Errorf("the password is in %q", err)
			}
			if got, want := errors.Is(err, indexer.ErrUnreachable), test.name == "nobody"; got != want {
				t.Errorf("%v is ErrUnreachable: %t, want %t", err, got, want)
			}
		})
	}
}

// serving accepts connections and hands them over until the test ends.
func serving(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
		}
	}()
	return l.Addr().String()
}

// silent hangs up after the first bytes, as a broker does where they are no request.
func silent(t *testing.T) string {
	return serving(t, func(conn net.Conn) {
		conn.Read(make([]byte, 16))
		conn.Close()
	})
}

// tlsOnly speaks TLS and answers nothing behind it.
func tlsOnly(t *testing.T, config *tls.Config) string {
	return serving(t, func(conn net.Conn) {
		secured := tls.Server(conn, config)
		secured.Read(make([]byte, 16))
		secured.Close()
	})
}

// TestConnectionMistakes: what is wrong with a connection by itself is told before anything is sent.
func TestConnectionMistakes(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.sign("client", time.Now())
	otherCert, _ := a.sign("client", time.Now())
	tests := []struct {
		name string
		c    indexer.Connection
		want string
	}{
		{"unknown mechanism", indexer.Connection{Mechanism: "SCRAM", User: user, Password: password}, "is not one of PLAIN"},
		{"no mechanism", indexer.Connection{User: user}, "but no SASL mechanism"},
		{"no user", indexer.Connection{Mechanism: "PLAIN", Password: password}, "needs a user and a password"},
		{"no password", indexer.Connection{Mechanism: "PLAIN", User: user}, "needs a user and a password"},
		{"missing authority", indexer.Connection{CAFile: a.file + "x"}, "no such file"},
		{"no authority in it", indexer.Connection{CAFile: key}, "has no PEM certificate"},
		{"certificate without a key", indexer.Connection{CertFile: cert}, "needs its key"},
		{"key without a certificate", indexer.Connection{KeyFile: key}, "needs its key"},
		{"another's key", indexer.Connection{CertFile: otherCert, KeyFile: key}, "does not match"},
		{"instance id that Kafka refuses", indexer.Connection{InstanceID: "a b"}, "instance id"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.c.Config()
			if err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(test.want)) {
				t.Errorf("Config: %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestConnectionNames(t *testing.T) {
	config, err := indexer.Connection{ClientID: "one of many", InstanceID: "viewgate-0", TLS: true}.Config()
	if err != nil {
		t.Fatal(err)
	}
	if config.ClientID != "one of many" || config.Consumer.Group.InstanceId != "viewgate-0" {
		t.Errorf("client is %q, instance %q", config.ClientID, config.Consumer.Group.InstanceId)
	}
	if got := config.Net.TLS.Config; got.MinVersion != tls.VersionTLS12 || got.InsecureSkipVerify || got.ServerName != "" {
		t.Errorf("TLS from version %x, unverified %t, to %q", got.MinVersion, got.InsecureSkipVerify, got.ServerName)
	}
	if config, err = (indexer.Connection{}).Config(); err != nil || config.ClientID != "viewgate" || config.Net.TLS.Enable {
		t.Errorf("zero connection is %q with TLS %t, %v", config.ClientID, config.Net.TLS.Enable, err)
	}
}

func TestSecretIsNotPrinted(t *testing.T) {
	var log strings.Builder
	secret := indexer.Secret(password)
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "secret", secret)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&log, format, struct{ C indexer.Connection }{indexer.Connection{Password: secret}})
		fmt.Fprintf(&log, format, secret)
	}
	if strings.Contains(log.String(), password) {
		t.Errorf("the password is in %q", &log)
	}
}

// TestIndexOverTLSAndSCRAM: a whole indexer works through a secured connection, as a static member of its group.
func TestIndexOverTLSAndSCRAM(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	addr := startBroker(t, kfake.TLS(a.server("127.0.0.1", time.Now().Add(-time.Minute), false)), kfake.EnableSASL(),
		kfake.Superuser(sarama.SASLTypeSCRAMSHA512, user, password))
	w := newWorldOver(t, nil, indexer.Connection{
		Brokers: []string{addr}, CAFile: a.file, InstanceID: "viewgate-0",
		Mechanism: sarama.SASLTypeSCRAMSHA512, User: user, Password: password,
	})
	w.publish(w.random(randv2.New(randv2.NewPCG(1, 0)), 10)...)
	w.publish(&sarama.ProducerMessage{
		Topic: w.topic(event.Order), Key: sarama.StringEncoder("1"), Value: sarama.StringEncoder("bad"),
	})
	w.start(indexer.Options{})
	w.letters(event.Order, 1)
	w.committed()
	for id := range w.sent {
		if w.store.source(id) == "" {
			t.Errorf("order %s has no document", id)
		}
	}
}
