package ftgo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// errUnavailable says that another service did not answer, or not so that it could be understood. Whether it did what it
// was asked to is not known: ask again.
var errUnavailable = errors.New("service unavailable")

// peer is another service, as one of ours sees it. It is safe for concurrent use.
type peer struct {
	base string
	http *http.Client
}

// newClient returns the client that services ask each other with. They share nothing through it but idle connections.
func newClient() *http.Client {
	return &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: taskWorkers, IdleConnTimeout: 30 * time.Second},
	}
}

// call sends in (nil: no body) and reads the answer into out (nil: it is not wanted). It returns a *refusal where the
// service says no, and errUnavailable where it may say something else later.
func (p peer) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, p.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	response, err := p.http.Do(request)
	if err != nil {
		return fmt.Errorf("%w: %w", errUnavailable, err) // names method and address itself
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w: %w", method, path, errUnavailable, err)
	}
	switch s := response.StatusCode; {
	case s == http.StatusRequestTimeout || s == http.StatusTooManyRequests || s < 200 || s >= 500 || s >= 300 && s < 400:
		return fmt.Errorf("%s %s: %w: status %d", method, path, errUnavailable, s)
	case s >= 400:
		no := &refusal{Status: s}
		if err := json.Unmarshal(data, no); err != nil || no.Message == "" {
			no.Message = http.StatusText(s)
		}
		return no
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w: %w", method, path, errUnavailable, err)
	}
	return nil
}

// refused returns the refusal in err's chain, or nil.
func refused(err error) *refusal {
	no := (*refusal)(nil)
	if errors.As(err, &no) {
		return no
	}
	return nil
}
