package ftgo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"

	"github.com/viewgate/viewgate/wire"
)

const (
	maxBody = 64 << 10 // of a request, in bytes
	maxIDs  = 500      // in one request for several
)

// refusal is an answer that says no. State is the aggregate's, where it is the reason.
type refusal struct {
	Status  int    `json:"-"`
	Message string `json:"error"`
	State   string `json:"state,omitempty"`
}

func (r *refusal) Error() string {
	if r.State != "" {
		return fmt.Sprintf("%s (%s)", r.Message, r.State)
	}
	return r.Message
}

func invalid(format string, args ...any) error {
	return &refusal{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// conflict says that the aggregate's state does not allow it.
func conflict(state string, format string, args ...any) error {
	return &refusal{Status: http.StatusConflict, Message: fmt.Sprintf(format, args...), State: state}
}

// reply is an answer that is no error. A version above 0 is sent as ETag.
type reply struct {
	status   int // 0: 200
	version  uint64
	location string
	body     any
}

// api is a service's REST API while it is put together.
type api struct {
	mux *http.ServeMux
	log *slog.Logger
}

func newAPI(log *slog.Logger) *api { return &api{mux: http.NewServeMux(), log: log} }

// handle serves a pattern: what fn returns is written as JSON.
func (a *api) handle(pattern string, fn func(*http.Request) (reply, error)) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := fn(r)
		if err != nil {
			no := refuse(err)
			if no.Status >= http.StatusInternalServerError && r.Context().Err() == nil {
				a.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
			}
			answer = reply{status: no.Status, body: no}
		}
		body, err := json.Marshal(answer.body)
		if err != nil {
			a.log.Error("answer cannot be written", "method", r.Method, "path", r.URL.Path, "error", err)
			answer.status, body = http.StatusInternalServerError, []byte(`{"error":"internal error"}`)
		}
		w.Header().Set("Content-Type", "application/json")
		if answer.version > 0 {
			w.Header().Set("ETag", strconv.Quote(strconv.FormatUint(answer.version, 10)))
		}
		if answer.location != "" {
			w.Header().Set("Location", answer.location)
		}
		if answer.status != 0 {
			w.WriteHeader(answer.status)
		}
		_, _ = w.Write(append(body, '\n')) // the client is gone where this fails
	})
}

// refuse turns an error into what the client is told.
func refuse(err error) *refusal {
	var no *refusal
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &no):
		return no
	case errors.Is(err, errNotFound):
		return &refusal{Status: http.StatusNotFound, Message: "not found"}
	case errors.Is(err, errUnavailable):
		return &refusal{Status: http.StatusServiceUnavailable, Message: "another service cannot be asked now"}
	case errors.As(err, &large):
		return &refusal{Status: http.StatusRequestEntityTooLarge, Message: "request body too large"}
	}
	return &refusal{Status: http.StatusInternalServerError, Message: "internal error"}
}

// decode reads the request's JSON body.
func decode[T any](r *http.Request) (body T, err error) {
	d := json.NewDecoder(r.Body)
	err = d.Decode(&body)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return body, nil
		}
	}
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return body, err
	}
	return body, invalid("the body must be one JSON object: %v", err)
}

// pathID returns the aggregate that the path names.
func pathID(r *http.Request) wire.ID { return wire.ID(r.PathValue("id")) }

// queryIDs returns the ids of ?id=1&id=2, each once.
func queryIDs(r *http.Request) ([]wire.ID, error) {
	values := r.URL.Query()["id"]
	if len(values) > maxIDs {
		return nil, invalid("more than %d ids", maxIDs)
	}
	var ids []wire.ID
	for _, v := range values {
		if !slices.Contains(ids, wire.ID(v)) {
			ids = append(ids, wire.ID(v))
		}
	}
	return ids, nil
}

// resource is what the APIs of the six services have in common: GET of one aggregate and of several, and the changes.
type resource[T any] struct {
	aggregates[T]
	show func(record[T]) any // the aggregate's answer
}

// getOne answers GET /things/{id}.
func (s resource[T]) getOne(r *http.Request) (reply, error) {
	found, err := s.one(pathID(r))
	if err != nil {
		return reply{}, err
	}
	return s.reply(found), nil
}

func (s resource[T]) reply(r record[T]) reply { return reply{version: r.Version, body: s.show(r)} }

// getMany answers GET /things?id=1&id=2, in the order of the ids.
func (s resource[T]) getMany(r *http.Request) (reply, error) {
	ids, err := queryIDs(r)
	if err != nil {
		return reply{}, err
	}
	if len(ids) == 0 {
		return reply{}, invalid("id is missing")
	}
	found, err := s.get(ids)
	if err != nil {
		return reply{}, err
	}
	return s.list(found), nil
}

func (s resource[T]) list(found []record[T]) reply {
	shown := make([]any, len(found))
	for i, r := range found {
		shown[i] = s.show(r)
	}
	return reply{body: shown}
}

// step answers a request that changes one aggregate and has no body.
func (s resource[T]) step(fn func(*edit[T]) error) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		changed, err := s.change(pathID(r), fn)
		if err != nil {
			return reply{}, err
		}
		return s.reply(changed), nil
	}
}

// stepWith answers a request that changes one aggregate by what its body says.
func stepWith[T, B any](s resource[T], fn func(*edit[T], B) error) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		body, err := decode[B](r)
		if err != nil {
			return reply{}, err
		}
		return s.step(func(e *edit[T]) error { return fn(e, body) })(r)
	}
}

// putWith is stepWith for an aggregate that may not exist yet.
func putWith[T, B any](s resource[T], fn func(*edit[T], B) error) func(*http.Request) (reply, error) {
	return func(r *http.Request) (reply, error) {
		body, err := decode[B](r)
		if err != nil {
			return reply{}, err
		}
		made, err := s.put(pathID(r), func(e *edit[T]) error { return fn(e, body) })
		if err != nil {
			return reply{}, err
		}
		return s.reply(made), nil
	}
}
