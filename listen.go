package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// listening is how clients reach the HTTP server: over TLS where there is a certificate. HTTP/1.1 and HTTP/2 are spoken
// either way, the latter without TLS to those who begin with it.
type listening struct {
	addr              string
	certFile, keyFile string // PEM
}

// secured reports whether TLS is spoken.
func (l listening) secured() bool { return l.certFile != "" }

// scheme is that of the server's URLs.
func (l listening) scheme() string {
	if l.secured() {
		return "https"
	}
	return "http"
}

// check reports what of the settings does not go together, as a usageError.
func (l listening) check() error {
	switch {
	case l.certFile != "" && l.keyFile == "":
		return usageError{errors.New("--tls-cert needs --tls-key, the file of the certificate's private key")}
	case l.certFile == "" && l.keyFile != "":
		return usageError{errors.New("--tls-key needs --tls-cert, the file of the key's certificate")}
	}
	return nil
}

// listen listens at the address.
func (l listening) listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", l.addr)
	if err != nil {
		return nil, fmt.Errorf("--addr: %w", err)
	}
	return listener, nil
}

// server returns a server of a handler. Where there is a certificate, its files have been read.
func (l listening) server(handler http.Handler, logger *slog.Logger) (*http.Server, error) {
	compressed, err := compressing(handler)
	if err != nil {
		return nil, err
	}
	s := &http.Server{
		Handler: compressed, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		WriteTimeout:   time.Minute, // of what does not last: streams have deadlines of their own
		MaxHeaderBytes: 32 << 10,
		ErrorLog:       slog.NewLogLogger(logger.Handler(), slog.LevelWarn), Protocols: new(http.Protocols),
	}
	s.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100} // each may keep an answer that is not read
	s.Protocols.SetHTTP1(true)
	if !l.secured() {
		s.Protocols.SetUnencryptedHTTP2(true)
		return s, nil
	}
	s.Protocols.SetHTTP2(true)
	c := &certificate{certFile: l.certFile, keyFile: l.keyFile, every: 10 * time.Second, logger: logger}
	if err := c.load(); err != nil {
		return nil, err
	}
	s.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	return s, nil
}

// serve serves until the server is shut down.
func serveHTTP(s *http.Server, listener net.Listener) error {
	var err error
	if s.TLSConfig != nil {
		err = s.ServeTLS(listener, "", "")
	} else {
		err = s.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve HTTP: %w", err)
}

// compressing compresses a handler's answers, by what the client accepts: zstd or gzip. Small ones are not worth it, and
// streams of events would wait in the compressor. What an answer holds of its request and what is secret in it never meet
// in a page of another's making, since who asks is told by a header that no such page can set; so that compressed sizes
// tell nothing.
func compressing(handler http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1400), gzhttp.ContentTypes([]string{ // below a packet nothing is won
		"application/json", "application/graphql-response+json", "text/html", "text/css", "text/javascript", "text/plain",
		"image/svg+xml",
	}))
	if err != nil {
		return nil, fmt.Errorf("compress answers: %w", err)
	}
	return wrap(handler), nil
}

// certificate is a certificate that is read anew when its files change, as they do when it is renewed.
type certificate struct {
	certFile, keyFile string
	every             time.Duration // how often the files are looked at, while clients connect
	logger            *slog.Logger

	mu         sync.Mutex // guards what follows
	loaded     *tls.Certificate
	cert, key  []byte // what was loaded, or could not be
	lookedLast time.Time
}

// load reads the files.
func (c *certificate) load() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

// get returns the certificate for a connection.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.lookedLast) >= c.every {
		if err := c.read(); err != nil {
			c.logger.Warn("the certificate that is there now cannot be used; the former one is used on", "err", err)
		}
	}
	return c.loaded, nil
}

// read loads what the files hold, if it is not what was read last. With c.mu held.
func (c *certificate) read() error {
	c.lookedLast = time.Now()
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("--tls-cert: %w", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("--tls-key: %w", err)
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return nil
	}
	c.cert, c.key = cert, key
	loaded, err := tls.X509KeyPair(cert, key)
	if err != nil { // files that are being written do not fit
		return fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	if c.loaded != nil {
		c.logger.Info("the certificate was renewed", "expires", loaded.Leaf.NotAfter)
	}
	c.loaded = &loaded
	return nil
}

// readable makes an address that listens everywhere one that a person can open.
func readable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
