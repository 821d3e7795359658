package main

import (
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// writeCertificate writes a self-signed certificate of 127.0.0.1 with this serial number, and its key.
func writeCertificate(t *testing.T, certFile, keyFile string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "viewgate"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// listenFor serves a handler until the test ends, and returns the address.
func listenFor(t *testing.T, l listening, handler http.HandlerFunc) string {
	t.Helper()
	l.addr = "127.0.0.1:0"
	server, err := l.server(handler, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := l.listen()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- serveHTTP(server, listener) }()
	t.Cleanup(func() {
		if err := errors.Join(server.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// TestProtocols: both versions of HTTP are spoken, with TLS and without.
func TestProtocols(t *testing.T) {
	dir := t.TempDir()
	secured := listening{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	writeCertificate(t, secured.certFile, secured.keyFile, 1)
	said := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }
	for _, tt := range []struct {
		name string
		l    listening
		set  func(*http.Protocols)
		want string
	}{
		{"1.1", listening{}, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		{"2", listening{}, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, "HTTP/2.0"},
		{"TLS 1.1", secured, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		{"TLS 2", secured, func(p *http.Protocols) { p.SetHTTP2(true) }, "HTTP/2.0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := listenFor(t, tt.l, said)
			transport := &http.Transport{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, Protocols: new(http.Protocols), DisableKeepAlives: true,
			}
			tt.set(transport.Protocols)
			response, err := (&http.Client{Transport: transport}).Get(tt.l.scheme() + "://" + addr)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || string(body) != tt.want {
				t.Errorf("the server says %q, %v, want %q", body, err, tt.want)
			}
		})
	}
}

// TestCertificate: a renewed certificate is used without a restart, and one that cannot be is not.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	log := &strings.Builder{}
	c := &certificate{
		certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem"), logger: slog.New(slog.NewTextHandler(log, nil)),
	}
	if err := c.load(); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("without files: %v", err)
	}
	serial := func() int64 {
		t.Helper()
		used, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return used.Leaf.SerialNumber.Int64()
	}
	writeCertificate(t, c.certFile, c.keyFile, 1)
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	first := serial()
	if err := os.WriteFile(c.keyFile, []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := serial()
	writeCertificate(t, c.certFile, c.keyFile, 2)
	if diff := cmp.Diff([]int64{1, 1, 2}, []int64{first, broken, serial()}); diff != "" {
		t.Errorf("certificates used (-want +got):\n%s", diff)
	}
	for _, what := range []string{"cannot be used", "was renewed"} {
		if !strings.Contains(log.String(), what) {
			t.Errorf("the log does not say %q: %s", what, log)
		}
	}
	c.every = time.Hour
	writeCertificate(t, c.certFile, c.keyFile, 3)
	if got := serial(); got != 2 {
		t.Errorf("the files were looked at again at once: certificate %d", got)
	}
}

// TestTLSFlags: a certificate without its key, and the reverse, are told.
func TestTLSFlags(t *testing.T) {
	for _, args := range [][]string{{"--tls-cert", "cert.pem"}, {"--tls-key", "key.pem"}} {
		p := start(t, nil, append([]string{"serve", "--data", t.TempDir()}, args...)...)
		<-p.exited
		if p.code != 2 || !strings.Contains(p.err.String(), "--tls-cert") || !strings.Contains(p.err.String(), "--tls-key") {
			t.Errorf("%v: exit code %d, %s", args, p.code, p.err.String())
		}
	}
}

// TestCompression: what is large is compressed as the client accepts, and a stream of events never is.
func TestCompression(t *testing.T) {
	large := strings.Repeat(`{"orderId":"17"},`, 1000)
	addr := listenFor(t, listening{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.URL.Query().Get("type"))
		if r.URL.Query().Has("small") {
			io.WriteString(w, "{}")
			return
		}
		io.WriteString(w, large)
	})
	for _, tt := range []struct{ name, query, accept, want string }{
		{"gzip", "type=application/json", "gzip, deflate", "gzip"},
		{"zstd before gzip", "type=application/graphql-response%2Bjson", "gzip, zstd", "zstd"},
		{"with a charset", "type=application/json;charset=utf-8", "gzip", "gzip"},
		{"nothing accepted", "type=application/json", "", ""},
		{"refused", "type=application/json", "gzip;q=0, br", ""},
		{"small", "type=application/json&small", "gzip", ""},
		{"events", "type=text/event-stream", "gzip, zstd", ""},
		{"parts", "type=multipart/mixed", "gzip, zstd", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodGet, "http://"+addr+"/?"+tt.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Accept-Encoding", tt.accept)
			response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var body io.Reader = response.Body
			switch encoding := response.Header.Get("Content-Encoding"); {
			case encoding != tt.want:
				t.Fatalf("encoded as %q, want %q", encoding, tt.want)
			case encoding == "gzip":
				body, err = gzip.NewReader(body)
			case encoding == "zstd":
				body, err = zstd.NewReader(body)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := large
			if strings.Contains(tt.query, "small") {
				want = "{}"
			}
			got, err := io.ReadAll(body)
			if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
