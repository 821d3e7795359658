package indexer

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

// Connection says where Kafka is and how to be let in. Its zero security is none: no TLS and no authentication.
type Connection struct {
	Brokers    []string // HOST:PORT of some brokers; the others are learned from them
	ClientID   string   // what brokers log and limit this process by; "": viewgate
	InstanceID string   // makes the process a static member of its consumer group: a restart moves no partitions

	TLS      bool   // a file below turns it on, too
	CAFile   string // PEM certificates of the authorities to trust; "": the system's
	CertFile string // PEM certificate that the client shows, with KeyFile; "": none
	KeyFile  string

	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; "": no authentication
	User      string
	Password  Secret
}

// Secret is a text that is never printed.
type Secret string

// String returns no secret.
func (Secret) String() string { return "[secret]" }

// GoString returns no secret.
func (s Secret) GoString() string { return s.String() }

// LogValue returns no secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// mechanisms are the SASL mechanisms that a Connection can name.
var mechanisms = map[string]scram.HashGeneratorFcn{
	sarama.SASLTypePlaintext:   nil,
	sarama.SASLTypeSCRAMSHA256: scram.SHA256,
	sarama.SASLTypeSCRAMSHA512: scram.SHA512,
}

// Secure reports whether the connection is encrypted.
func (c Connection) Secure() bool {
	return c.TLS || c.CAFile != "" || c.CertFile != "" || c.KeyFile != ""
}

// Config returns NewConfig with what the connection says. Its errors are about the connection's fields and files; nothing
// is sent to a broker.
func (c Connection) Config() (*sarama.Config, error) {
	config := NewConfig()
	if c.ClientID != "" {
		config.ClientID = c.ClientID
	}
	config.Consumer.Group.InstanceId = c.InstanceID
	if c.Secure() {
		security, err := c.tls()
		if err != nil {
			return nil, err
		}
		config.Net.TLS.Enable, config.Net.TLS.Config = true, security
	}
	hash, known := mechanisms[c.Mechanism]
	switch {
	case c.Mechanism == "" && (c.User != "" || c.Password != ""):
		return nil, errors.New("a user or a password is given, but no SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case c.Mechanism == "":
	case !known:
		return nil, fmt.Errorf("SASL mechanism %q is not one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512", c.Mechanism)
	case c.User == "" || c.Password == "":
		return nil, fmt.Errorf("SASL mechanism %s needs a user and a password", c.Mechanism)
	default:
		config.Net.SASL.Enable = true
		config.Net.SASL.Mechanism = sarama.SASLMechanism(c.Mechanism)
		config.Net.SASL.User, config.Net.SASL.Password = c.User, string(c.Password)
		if hash != nil {
			config.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: hash} }
		}
	}
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return config, nil
}

// tls returns the TLS configuration. It names no server: each broker's certificate is compared with the name under which
// that broker is connected to.
func (c Connection) tls() (*tls.Config, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificates of authorities: %w", err)
		}
		security.RootCAs = x509.NewCertPool()
		if !security.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates of authorities: %s has no PEM certificate", c.CAFile)
		}
	}
	switch {
	case (c.CertFile == "") != (c.KeyFile == ""):
		return nil, errors.New("a client certificate needs its key, and a key its certificate: give both files or neither")
	case c.CertFile != "":
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s and key %s: %w", c.CertFile, c.KeyFile, err)
		}
		security.Certificates = []tls.Certificate{certificate}
	}
	return security, nil
}

// scramClient is one authentication by SCRAM (RFC 5802), as sarama drives it.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

// Begin implements sarama.SCRAMClient.
func (s *scramClient) Begin(user, password, authzID string) error {
	client, err := s.hash.NewClient(user, password, authzID)
	if err != nil {
		return fmt.Errorf("user or password cannot be used with SCRAM: %w", err)
	}
	s.conversation = client.NewConversation()
	return nil
}

// Step implements sarama.SCRAMClient.
func (s *scramClient) Step(challenge string) (string, error) { return s.conversation.Step(challenge) }

// Done implements sarama.SCRAMClient.
func (s *scramClient) Done() bool { return s.conversation.Done() }

// ErrUnreachable is what Check returns where no broker could be connected to: it may be down, and come back.
var ErrUnreachable = errors.New("no broker can be reached")

// checkTimeout bounds each step of Check.
const checkTimeout = 5 * time.Second

// Check connects to the brokers, one after the other, until one lets it in. Where none does, the error says what was
// wrong with one of them and what to do: ErrUnreachable where none could be connected to, else a mistake in the
// configuration, here or there, that waiting does not mend. Without it a wrong password shows only in retries, as brokers
// that are not available.
func Check(ctx context.Context, brokers []string, config *sarama.Config) error {
	if len(brokers) == 0 {
		return errors.New("no broker is named")
	}
	hasty := *config
	hasty.Net.DialTimeout, hasty.Net.ReadTimeout, hasty.Net.WriteTimeout = checkTimeout, checkTimeout, checkTimeout
	var failures []error
	for _, addr := range brokers {
		err := check(ctx, addr, &hasty)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		failures = append(failures, err)
	}
	for _, err := range failures {
		if !errors.Is(err, ErrUnreachable) {
			return err
		}
	}
	return failures[0]
}

// check goes through the layers one by one, each with a connection of its own, because what a broker does on a mistake is
// mostly to hang up: how far it let us come is what tells the mistake.
func check(ctx context.Context, addr string, config *sarama.Config) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if config.Net.TLS.Enable {
		err = handshake(ctx, conn, addr, config.Net.TLS.Config)
	}
	conn.Close()
	if err != nil {
		return fmt.Errorf("broker %s: %s: %w", addr, adviceOnTLS(err), err)
	}
	anonymous := *config
	anonymous.Net.SASL.Enable = false
	if err := ask(addr, &anonymous, func(b *sarama.Broker) error {
		_, err := b.ApiVersions(&sarama.ApiVersionsRequest{})
		return err
	}); err != nil {
		switch {
		case refusedCertificate(err): // since TLS 1.3 the client hears of it behind the handshake
			return fmt.Errorf("broker %s: %s: %w", addr, adviceOnTLS(err), err)
		case config.Net.TLS.Enable:
			return fmt.Errorf("broker %s: it does not answer as Kafka does behind its TLS: check the address: %w", addr, err)
		}
		return fmt.Errorf("broker %s: it does not answer as Kafka does; if it wants TLS there, turn TLS on: %w", addr, err)
	}
	if err := ask(addr, config, func(b *sarama.Broker) error {
		_, err := b.GetMetadata(sarama.NewMetadataRequest(config.Version, []string{}))
		return err
	}); err != nil {
		sasl := config.Net.SASL
		switch {
		case errors.Is(err, sarama.ErrUnsupportedSASLMechanism):
			return fmt.Errorf("broker %s: it does not offer SASL mechanism %s: use one that it does: %w",
				addr, sasl.Mechanism, err)
		case sasl.Enable:
			return fmt.Errorf("broker %s: it does not let user %q in by SASL mechanism %s: check the user, the password, and "+
				"that this user's password is set for this mechanism: %w", addr, sasl.User, sasl.Mechanism, err)
		}
		return fmt.Errorf("broker %s: it does not answer without authentication: name a SASL mechanism, a user and a "+
			"password: %w", addr, err)
	}
	return nil
}

// handshake makes TLS of a connection, as sarama does.
func handshake(ctx context.Context, conn net.Conn, addr string, config *tls.Config) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	config = config.Clone()
	config.ServerName = host
	return tls.Client(conn, config).HandshakeContext(ctx)
}

func adviceOnTLS(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case refusedCertificate(err):
		return "it misses the client's certificate, or does not accept it: name a certificate file and its key file"
	case errors.As(err, &unknown):
		return "its certificate is not signed by an authority that is trusted: name the file with that authority's certificate"
	case errors.As(err, &name):
		return "its certificate is for another name: connect to it by a name that is in the certificate"
	case errors.As(err, &invalid):
		return "its certificate is not valid: it must be renewed, or this machine's clock is wrong"
	case errors.As(err, &record), !strings.Contains(err.Error(), "tls:"):
		return "it does not answer as TLS does: is TLS meant to be on for this port"
	}
	return "TLS could not be agreed on"
}

// refusedCertificate reports whether the broker's TLS complains about the client's certificate; the alert has no type.
func refusedCertificate(err error) bool {
	return strings.Contains(err.Error(), "remote error: tls") && strings.Contains(err.Error(), "certificate")
}

// ask connects to a broker and asks it.
func ask(addr string, config *sarama.Config, question func(*sarama.Broker) error) error {
	b := sarama.NewBroker(addr)
	if err := b.Open(config); err != nil {
		return err
	}
	defer b.Close()
	if connected, err := b.Connected(); err != nil || !connected {
		return cmp.Or(err, error(sarama.ErrNotConnected))
	}
	return question(b)
}
