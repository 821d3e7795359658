package guard

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the networks of proxies that are believed.
type Proxies []netip.Prefix

// ParseProxies reads networks, such as 10.0.0.0/8, and single addresses.
func ParseProxies(list []string) (Proxies, error) {
	var all Proxies
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, e := netip.ParseAddr(text)
			if e != nil {
				return nil, fmt.Errorf("%q is neither a network, such as 10.0.0.0/8, nor an address", text)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

func (p Proxies) trust(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// maxHops is how many addresses of X-Forwarded-For are looked at.
const maxHops = 20

// Of returns the address of whoever sent a request: the last one of X-Forwarded-For that no proxy which is believed has, read
// from the right, since who is further left can say what they like. Invalid where that cannot be told.
func (p Proxies) Of(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap().WithZone("")
	if !p.trust(addr) {
		return addr
	}
	said := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	for range maxHops {
		at := strings.LastIndexByte(said, ',')
		hop, err := readHop(said[at+1:])
		if err != nil {
			return addr // the last proxy that said something: it is to blame for what cannot be read
		}
		if addr = hop; !p.trust(addr) || at < 0 {
			return addr
		}
		said = said[:at]
	}
	return addr
}

// readHop reads an address, which some proxies give with a port.
func readHop(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	addr, err := netip.ParseAddr(text)
	if err != nil {
		var withPort netip.AddrPort
		if withPort, err = netip.ParseAddrPort(text); err != nil {
			return addr, err
		}
		addr = withPort.Addr()
	}
	return addr.Unmap().WithZone(""), nil
}

// Traces takes from requests what they say that they are part of a trace of, traceparent and tracestate, but for those that a proxy
// sends which is believed: who can say it can have everything recorded, in a trace of their choice.
func Traces(p Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		says := len(r.Header["Traceparent"])+len(r.Header["Tracestate"]) > 0
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); says && (err != nil || !p.trust(peer.Addr().Unmap().WithZone(""))) {
			r = r.WithContext(r.Context())
			r.Header = r.Header.Clone()
			r.Header.Del("Traceparent")
			r.Header.Del("Tracestate")
		}
		next.ServeHTTP(w, r)
	})
}

type addressKey struct{}

// Addresses notes whose request it is, for AddressOf.
func Addresses(p Proxies, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), addressKey{}, p.Of(r))))
	})
}

// AddressOf returns what tells the sender of the request that ctx belongs to from others: an IPv4 address, or the first half of an
// IPv6 address, whose other half a network gives its hosts, as many as they like. It is "" without Addresses.
func AddressOf(ctx context.Context) string {
	addr, _ := ctx.Value(addressKey{}).(netip.Addr)
	switch {
	case !addr.IsValid():
		return ""
	case addr.Is6():
		return netip.PrefixFrom(addr, 64).Masked().String()
	}
	return addr.String()
}
