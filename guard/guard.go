// Package guard protects an HTTP server from its clients: http middleware, each with one job, and what counts their work.
//
// Gate bounds how many operations run at a time, Clients what each client may cost, Connections how many WebSockets and streams of events there are.
// Addresses finds out whose request it is behind proxies, Traces believes them alone which trace it is part of, Headers, CrossOrigin and Preflight keep browsers' pages apart. None of
// them knows GraphQL, but for the form of an error.
package guard

import (
	"encoding/json"
	"net/http"
)

// refuse answers a request that does not get through, in the form of a GraphQL response.
func refuse(w http.ResponseWriter, status int, code, message string) {
	type problem struct {
		Message    string            `json:"message"`
		Extensions map[string]string `json:"extensions"`
	}
	body, err := json.Marshal(map[string][]problem{"errors": {{message, map[string]string{"code": code}}}})
	if err != nil {
		panic(err) // strings only
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body)
}
