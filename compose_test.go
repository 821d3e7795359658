package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// composeFile is docker-compose.yml, as far as the tests look at it.
type composeFile struct {
	Services map[string]struct {
		Image       string
		Build       string
		Ports       []string
		Environment map[string]string
		Volumes     []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct{ Test []string }
	}
	Volumes map[string]any
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile("docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(yaml.FormatError(err, false, true))
	}
	return c
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variable is what compose puts in place of ${NAME:-default} where NAME is not set.
var variable = regexp.MustCompile(`\$\{[A-Z_]+:-([^}]*)\}`)

// parseServe returns the flags of serve as an environment and arguments set them, and the names of the variables that they know.
func parseServe(t *testing.T, environment map[string]string, args ...string) (*flags, []string) {
	t.Helper()
	var known []string
	f := &flags{FlagSet: flag.NewFlagSet("serve", flag.ContinueOnError), getenv: func(name string) string {
		known = append(known, name)
		return environment[name]
	}}
	f.SetOutput(io.Discard)
	serveFlags(f)
	if _, err := f.parse(args); err != nil {
		t.Fatal(err)
	}
	return f, known
}

// TestComposeEnvironment: what docker-compose.yml and the Dockerfile tell viewgate is what it understands, and leads to
// the other services.
func TestComposeEnvironment(t *testing.T) {
	c := readCompose(t)
	environment := map[string]string{}
	for name, value := range c.Services["viewgate"].Environment {
		environment[name] = variable.ReplaceAllString(value, "$1")
	}
	for _, m := range regexp.MustCompile(`(?m)^ENV ([A-Z_]+)=(\S+)$`).FindAllStringSubmatch(readText(t, "Dockerfile"), -1) {
		environment[m[1]] = m[2]
	}
	if len(environment) == 0 {
		t.Fatal("nothing is set")
	}
	f, known := parseServe(t, environment)
	for name := range environment {
		if !slices.Contains(known, name) {
			t.Errorf("viewgate knows no environment variable %s", name)
		}
	}
	value := func(name string) string { return f.Lookup(name).Value.String() }

	kafka := c.Services["kafka"].Environment
	if want := value("kafka"); !strings.Contains(kafka["KAFKA_ADVERTISED_LISTENERS"]+",", "://"+want+",") {
		t.Errorf("viewgate looks for Kafka at %s, which it advertises at %s", want, kafka["KAFKA_ADVERTISED_LISTENERS"])
	}
	u, err := url.Parse(value("elasticsearch"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Services[u.Hostname()]; !ok || u.Scheme != "http" || u.Port() != "9200" {
		t.Errorf("viewgate looks for Elasticsearch at %s", u)
	}
	for _, name := range []string{u.Hostname(), "kafka"} {
		if got := c.Services["viewgate"].DependsOn[name].Condition; got != "service_healthy" {
			t.Errorf("viewgate waits for %s until %q", name, got)
		}
	}
}

// TestComposePorts: viewgate's port is the default one, in all places; and nothing is published beyond this machine, where nobody is
// asked who they are.
func TestComposePorts(t *testing.T) {
	c := readCompose(t)
	f, _ := parseServe(t, nil)
	_, port, err := net.SplitHostPort(f.Lookup("addr").DefValue)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Services["viewgate"].Ports, []string{"127.0.0.1:" + port + ":" + port}; !slices.Equal(got, want) {
		t.Errorf("viewgate's ports are %v, want %v", got, want)
	}
	if got := c.Services["viewgate"].Environment["ADDR"]; got != ":"+port {
		t.Errorf("ADDR is %q, want %q", got, ":"+port)
	}
	dockerfile := readText(t, "Dockerfile")
	for _, text := range []string{"EXPOSE " + port + "\n", fmt.Sprintf("http://127.0.0.1:%s/readyz\n", port)} {
		if !strings.Contains(dockerfile, text) {
			t.Errorf("the Dockerfile lacks %q", text)
		}
	}
	for name, service := range c.Services {
		for _, p := range service.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s publishes %s beyond this machine", name, p)
			}
		}
	}
	host, hostPort, err := net.SplitHostPort(f.Lookup("kafka").DefValue)
	if err != nil {
		t.Fatal(err)
	}
	advertised := c.Services["kafka"].Environment["KAFKA_ADVERTISED_LISTENERS"]
	if !strings.Contains(advertised, "://"+host+":"+hostPort) {
		t.Errorf("on this machine Kafka is not at --kafka's default, %s", f.Lookup("kafka").DefValue)
	}
}

// TestComposeState: what must outlive a container is in a volume that is declared, what others wait for has a health
// check, and Kafka deletes nothing that a rebuild needs.
func TestComposeState(t *testing.T) {
	c := readCompose(t)
	for name, path := range map[string]string{
		"kafka": c.Services["kafka"].Environment["KAFKA_LOG_DIRS"], "elasticsearch": "/usr/share/elasticsearch/data",
	} {
		service := c.Services[name]
		if want := []string{name + ":" + path}; !slices.Equal(service.Volumes, want) {
			t.Errorf("%s has the volumes %v, want %v", name, service.Volumes, want)
		}
		if _, ok := c.Volumes[name]; !ok {
			t.Errorf("volume %s is not declared", name)
		}
		if len(service.Healthcheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
	}
	for name, want := range map[string]string{
		"KAFKA_LOG_RETENTION_MS": "-1", "KAFKA_LOG_RETENTION_BYTES": "-1", "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "true",
	} {
		if got := c.Services["kafka"].Environment[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestComposeVersions: the images are what the tests run against, and Go is that of go.mod.
func TestComposeVersions(t *testing.T) {
	c := readCompose(t)
	version := regexp.MustCompile(`<groupId>local</groupId>.*<version>(.*)</version>`)
	for name, image := range map[string]string{
		"kafka": "apache/kafka", "elasticsearch": "docker.elastic.co/elasticsearch/elasticsearch",
	} {
		m := version.FindStringSubmatch(readText(t, "backends/"+name+"/pom.xml"))
		if m == nil {
			t.Fatalf("backends/%s/pom.xml has no version", name)
		}
		if got, want := c.Services[name].Image, image+":"+m[1]; got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	m := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(readText(t, "go.mod"))
	if m == nil || !strings.Contains(readText(t, "Dockerfile"), "FROM golang:"+m[1]+"-alpine AS build\n") {
		t.Errorf("the Dockerfile builds with another Go than go.mod's %v", m)
	}
}
