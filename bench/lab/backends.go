package lab

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// directoryVariable names the folder of backends that tests may kill.
const directoryVariable = "VIEWGATE_TEST_BACKENDS_DIR"

// Backends are a real Kafka and a real Elasticsearch.
type Backends struct {
	Kafka         string // its address
	Elasticsearch string // its URL
	directory     string // the folder in which they were started for these tests; empty: not for these alone
}

// FindBackends returns the backends that VIEWGATE_TEST_KAFKA and VIEWGATE_TEST_ELASTICSEARCH name. Without them it skips
// the test, or fails it where VIEWGATE_TEST_BACKENDS says "required".
func FindBackends(tb testing.TB) *Backends {
	tb.Helper()
	b := &Backends{
		Kafka: os.Getenv("VIEWGATE_TEST_KAFKA"), Elasticsearch: os.Getenv("VIEWGATE_TEST_ELASTICSEARCH"),
		directory: os.Getenv(directoryVariable),
	}
	if b.Kafka == "" || b.Elasticsearch == "" {
		const missing = "VIEWGATE_TEST_KAFKA and VIEWGATE_TEST_ELASTICSEARCH do not name both"
		if os.Getenv("VIEWGATE_TEST_BACKENDS") == "required" {
			tb.Fatal(missing + ", and VIEWGATE_TEST_BACKENDS requires them")
		}
		tb.Skip(missing + `: "backends/backends up" starts them, and so does VIEWGATE_TEST_BACKENDS=start`)
	}
	return b
}

// Mortal reports whether Kill and Restart may be called: whether the backends were started for these tests.
func (b *Backends) Mortal() bool { return b.directory != "" }

// Kill kills "kafka" or "es" with SIGKILL and returns when it has ended.
func (b *Backends) Kill(tb testing.TB, which string) {
	tb.Helper()
	b.script(tb, which+"-kill")
}

// Restart starts what Kill killed and returns when it answers.
func (b *Backends) Restart(tb testing.TB, which string) {
	tb.Helper()
	b.script(tb, which+"-up")
}

// Processor returns the processor time that Kafka and Elasticsearch have taken so far; zero where they were not started for
// these tests, or the system does not tell.
func (b *Backends) Processor() (kafka, elasticsearch time.Duration) {
	return processor(b.directory, "kafka-1"), processor(b.directory, "es-1")
}

func processor(directory, node string) time.Duration {
	text, err := os.ReadFile(filepath.Join(directory, node+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return ProcessorOf(pid)
}

// ProcessorOf returns the processor time that a process has taken so far; zero where the system does not tell.
func ProcessorOf(pid int) time.Duration {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	// Behind the name in parentheses come eleven other fields, and then user and system time, in ticks of 10 ms: proc(5).
	_, behind, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(behind)
	if len(fields) < 13 {
		return 0
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(ticks) * 10 * time.Millisecond
	}
	return sum
}

func (b *Backends) script(tb testing.TB, action string) {
	tb.Helper()
	script, err := findScript()
	if err != nil {
		tb.Fatal(err)
	}
	_, kafkaPort, err := net.SplitHostPort(b.Kafka)
	if err != nil {
		tb.Fatal(err)
	}
	es, err := url.Parse(b.Elasticsearch)
	if err != nil {
		tb.Fatal(err)
	}
	if err := run(script, action, b.directory, kafkaPort, es.Port()); err != nil {
		tb.Fatal(err)
	}
}

// startBackends starts both in a temporary folder on free ports, and names them in the environment.
func startBackends() (stop func(), err error) {
	script, err := findScript()
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "viewgate-backends-*")
	if err != nil {
		return nil, err
	}
	kafkaPort, err := freePort(1) // the controller's is one above
	if err != nil {
		return nil, err
	}
	esPort, err := freePort(100) // the nodes' own is 100 above
	if err != nil {
		return nil, err
	}
	stop = func() {
		if err := run(script, "down", directory, kafkaPort, esPort); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return
		}
		if err := os.RemoveAll(directory); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	if err := run(script, "up", directory, kafkaPort, esPort); err != nil {
		stop()
		return nil, err
	}
	for name, value := range map[string]string{
		"VIEWGATE_TEST_KAFKA":         "127.0.0.1:" + kafkaPort,
		"VIEWGATE_TEST_ELASTICSEARCH": "http://127.0.0.1:" + esPort,
		directoryVariable:             directory,
	} {
		if err := os.Setenv(name, value); err != nil {
			stop()
			return nil, err
		}
	}
	return stop, nil
}

// run runs the script. What it starts outlives it, so its output goes to a file: a pipe would stay open.
func run(script, action, directory, kafkaPort, esPort string) error {
	output, err := os.CreateTemp("", "backends-*.log")
	if err != nil {
		return err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	c := exec.Command(script, action, directory)
	c.Env = append(os.Environ(), "KAFKA_PORT="+kafkaPort, "ES_PORT="+esPort)
	c.Stdout, c.Stderr = output, output
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(output.Name())
		return fmt.Errorf("backends %s: %w\n%s", action, err, text)
	}
	return nil
}

// findScript looks for the module's backends/backends from the working directory upwards.
func findScript() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "backends", "backends"), nil
}

// Root returns the module's directory.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	path := strings.TrimSpace(string(out))
	if path == "" || path == os.DevNull {
		return "", errors.New("the working directory is in no module")
	}
	return filepath.Dir(path), nil
}

// freePort returns a port that is free, as is the one at this distance above it.
func freePort(above int) (string, error) {
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+above)))
		first.Close()
		if err == nil {
			second.Close()
			return strconv.Itoa(port), nil
		}
	}
	return "", errors.New("no free ports found")
}
