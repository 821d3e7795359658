package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// errRefused says that a service answered no: the state does not allow it, or it does not know what was asked for.
var errRefused = errors.New("refused")

// api sends requests to the services.
type api struct{ http *http.Client }

func (a api) get(ctx context.Context, url string, out any) error {
	return a.call(ctx, http.MethodGet, url, nil, out)
}

func (a api) post(ctx context.Context, url string, in, out any) error {
	return a.call(ctx, http.MethodPost, url, in, out)
}

// call returns errRefused where the answer is a 4xx, and another error where there was none that says anything.
func (a api) call(ctx context.Context, method, url string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	response, err := a.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// A list of unfinished orders may be long; an answer that never ends must not be.
	data, err := io.ReadAll(io.LimitReader(response.Body, 256<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	switch status := response.StatusCode; {
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout:
		return fmt.Errorf("%s %s: status %d", method, url, status)
	case status >= 400:
		return fmt.Errorf("%s %s: %w: status %d: %.200s", method, url, errRefused, status, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}
